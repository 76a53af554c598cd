package dev.quantline.onnx;

/** What may be in memory at once. Set like a {@link Limit}; nothing is refused because of it. */
public enum MemoryLimit implements Bound {
    /**
     * Bytes of the weights of one model. Those of a larger one stay in files, and are read as they are needed: what was changed goes to
     * files of its own, and ONNX Runtime computes from the pages of the file instead of packing a copy for its kernels. That
     * is slower, and rounds sums elsewhere, so replicas of a service need the same value for the same bytes.
     */
    WEIGHTS_IN_MEMORY(1L << 30);

    private final long standard;

    MemoryLimit(long standard) {
        this.standard = standard;
    }

    @Override
    public long standard() {
        return standard;
    }
}
