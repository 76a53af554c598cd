package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.List;

/**
 * How many elements of a weight share a scale. Activations always have one scale a tensor: an integer kernel sums over the
 * channels it reads, and a scale that differs between them cannot be taken out of that sum.
 */
public sealed interface Granularity {
    /** One scale for the whole weight. */
    record PerTensor() implements Granularity {}

    /** One for each output channel. */
    record PerChannel() implements Granularity {}

    /**
     * One for every {@code size} inputs of each output channel of MatMul and Gemm; convolutions and tables keep one a channel.
     */
    record PerBlock(int size) implements Granularity {
        public PerBlock {
            if (size < 16 || Integer.bitCount(size) != 1) {
                throw new BadInput("calibrate.block must be a power of two of at least 16, not " + size);
            }
        }
    }

    /**
     * Reads {@code tensor}, {@code channel} or {@code block}.
     *
     * @param block elements of a block
     * @throws BadInput for anything else
     */
    static Granularity parse(String name, int block) {
        return switch (name) {
            case "tensor" -> new PerTensor();
            case "channel" -> new PerChannel();
            case "block" -> new PerBlock(block);
            default ->
                throw new BadInput("calibrate.granularity '" + name + "' is unknown: "
                        + ClosestName.hint(name, List.of("tensor", "channel", "block")));
        };
    }
}
