package dev.quantline.gradient.rules;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The sliding window of a convolution or pooling over the axes from 2 on, with all values that a model may leave
 * implicit computed from the sizes.
 *
 * @param kernel  window sizes
 * @param begin   padding before
 * @param end     padding after, as a transposed convolution needs it: from the last window to the end of the input;
 *                negative if trailing input was never read
 * @param input   sizes that the window slides over
 * @param output  number of windows
 */
record Window(long[] kernel, long[] strides, long[] dilations, long[] begin, long[] end, long[] input, long[] output) {

    /**
     * @param wide   the tensor that the window slides over
     * @param narrow the tensor with one element per window
     */
    static Window of(BackwardContext context, String wide, String narrow, long[] kernel) {
        var node = context.node();
        int axes = kernel.length;
        var ones = new long[axes];
        Arrays.fill(ones, 1);
        var strides = node.intsOf("strides", ones);
        var dilations = node.intsOf("dilations", ones);
        var input = Arrays.copyOfRange(context.shapes().fixed(wide), 2, axes + 2);
        var output = Arrays.copyOfRange(context.shapes().fixed(narrow), 2, axes + 2);
        var pads = node.intsOf("pads", new long[2 * axes]);
        String auto = node.stringOf("auto_pad", "NOTSET");
        var begin = new long[axes];
        var end = new long[axes];
        for (int i = 0; i < axes; i++) {
            long reach = (output[i] - 1) * strides[i] + dilations[i] * (kernel[i] - 1) + 1;
            begin[i] = switch (auto) {
                case "SAME_UPPER" -> Math.max(0, reach - input[i]) / 2;
                case "SAME_LOWER" -> (Math.max(0, reach - input[i]) + 1) / 2;
                case "VALID" -> 0;
                default -> pads[i];
            };
            end[i] = reach - begin[i] - input[i];
        }
        return new Window(kernel, strides, dilations, begin, end, input, output);
    }

    /** Number of positions inside one window. */
    int positions() {
        return (int) Arrays.stream(kernel).reduce(1, (a, b) -> a * b);
    }

    /** Attributes of the transposed convolution that leads from windows back to the sizes of the input. */
    Map<String, Object> transposed(long group) {
        var pads = new long[2 * kernel.length];
        var beyond = new long[kernel.length];
        for (int i = 0; i < kernel.length; i++) {
            pads[i] = begin[i];
            pads[i + kernel.length] = Math.max(0, end[i]);
            beyond[i] = Math.max(0, -end[i]);
        }
        var attributes = new HashMap<>(strided(group));
        attributes.put("pads", pads);
        attributes.put("output_padding", beyond);
        return attributes;
    }

    /** Attributes of the convolution from the sizes of the input to windows. */
    Map<String, Object> forward(long group) {
        var pads = new long[2 * kernel.length];
        System.arraycopy(begin, 0, pads, 0, kernel.length);
        for (int i = 0; i < kernel.length; i++) {
            pads[i + kernel.length] = Math.max(0, end[i]);
        }
        var attributes = new HashMap<>(strided(group));
        attributes.put("pads", pads);
        return attributes;
    }

    private Map<String, Object> strided(long group) {
        return Map.of("kernel_shape", kernel, "strides", strides, "dilations", dilations, "group", group);
    }
}
