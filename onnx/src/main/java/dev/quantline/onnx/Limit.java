package dev.quantline.onnx;

/**
 * Limits on the size and depth of a model, and on the size of a sample. A few bytes of file can require any number of nodes and
 * any amount of memory, so each is checked against its limit before native code sees it. The property
 * {@code quantline.limit.NAME} of the Java virtual machine or the environment variable {@code QUANTLINE_LIMIT_NAME} sets another
 * value.
 */
public enum Limit implements Bound {
    /** Nodes of a model, including bodies and inlined functions. */
    NODES(1 << 18),
    /** Nesting of bodies of If, Loop and Scan: shape inference takes twice as long at every level. */
    NESTING(8),
    /** Elements of one tensor whose size is given by a constant of the model. */
    ELEMENTS(1 << 27),
    /** Samples of a data set, all its files together. */
    SAMPLES(1 << 24),
    /** Bytes of one sample of a data file: a megabyte of archive can expand a thousandfold. */
    ROW(1 << 28),
    /** Strides, kernel sizes, groups and other counts in an attribute of a convolution or a pooling. */
    ATTRIBUTE(1 << 20);

    private final long standard;

    Limit(long standard) {
        this.standard = standard;
    }

    @Override
    public long standard() {
        return standard;
    }
}
