package dev.quantline.quantize.settings;

/** The inputs that pieces are trained on. */
public enum Order implements Word {
    /** Outputs of the preceding tuned pieces. */
    SEQUENTIAL,
    /** Outputs of the float network. */
    PARALLEL,
    /**
     * Outputs of the network whose weights are rounded but not trained yet (ours). Pieces then depend on nothing that is trained, and
     * several machines can train them side by side.
     */
    ROUNDED
}
