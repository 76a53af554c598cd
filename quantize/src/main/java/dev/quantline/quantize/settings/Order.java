package dev.quantline.quantize.settings;

/** What pieces learn on. */
public enum Order implements Word {
    /** What the tuned pieces before them give. */
    SEQUENTIAL,
    /** What the float network gives. */
    PARALLEL
}
