package dev.quantline.quantize.settings;

/** How the loss of a layer is measured when widths are allocated. */
public enum Judge implements Word {
    /** By the distance of all outputs from the float network's. */
    OUTPUTS,
    /** By the loss of the task. */
    TASK
}
