package dev.quantline.quantize.settings;

/** What the loss of a layer is, where widths are allocated. */
public enum Judge implements Word {
    /** The distance of all outputs to the float network's. */
    OUTPUTS,
    /** The loss of the task. */
    TASK
}
