package dev.quantline.quantize.settings;

/** The inputs that pieces are trained on. */
public enum Order implements Word {
    /** Outputs of the preceding tuned pieces. */
    SEQUENTIAL,
    /** Outputs of the float network. */
    PARALLEL
}
