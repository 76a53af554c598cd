package dev.quantline.onnx.runtime;

import java.util.List;

/** How many samples are run at once where tensors inside the network are looked at. */
public final class BatchSize {
    /**
     * Bytes of those tensors, for all samples of a batch. No setting: results would depend on it, since kernels add up batches of
     * different sizes in different order.
     */
    private static final long LARGEST = 512L << 20;

    private BatchSize() {}

    /**
     * As many as {@value #LARGEST} bytes have room for, one at least; found by running one sample.
     *
     * @param shown  names of the outputs looked at
     * @param wanted the most
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

    /** The same, for samples whose tensors take so many bytes each. */
    public static int fitting(long bytes, int wanted) {
        return (int) Math.clamp(LARGEST / Math.max(1, bytes), 1, wanted);
    }
}
