package dev.quantline.onnx.runtime;

import java.util.List;

/** How many samples to run at once if tensors inside the network are observed. */
public final class BatchSize {
    /**
     * Bytes of the observed tensors over all samples of a batch. Not a setting, because results would depend on it: kernels sum
     * batches of different sizes in different orders.
     */
    private static final long LARGEST = 512L << 20;

    private BatchSize() {}

    /**
     * As many samples as fit in {@value #LARGEST} bytes, but at least one; determined by running one sample.
     *
     * @param shown  names of the observed outputs
     * @param wanted upper limit
     */
    public static int of(Session session, List<String> shown, Samples samples, int wanted) {
        if (wanted == 1 || shown.isEmpty()) {
            return wanted;
        }
        return fitting(
                samples.full().stream()
                        .flatMap(sample -> session
                                .run(
                                        sample.arrays(),
                                        shown,
                                        (name, tensor) -> tensor.type().bytes(tensor.size()) / sample.size())
                                .stream())
                        .mapToLong(Long::longValue)
                        .sum(),
                wanted);
    }

    /** The same for samples whose tensors take this many bytes each. */
    public static int fitting(long bytes, int wanted) {
        return (int) Math.clamp(LARGEST / Math.max(1, bytes), 1, wanted);
    }
}
