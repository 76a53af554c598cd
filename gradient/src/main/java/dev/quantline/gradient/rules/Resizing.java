package dev.quantline.gradient.rules;

import dev.quantline.gradient.emit.Emitter;
import java.util.Arrays;

/**
 * Resize, nearest and linear: along each axis it is a product with a fixed matrix {@code [output, input]}, so the
 * backward pass is the product with the transpose. Sizes must be known.
 */
final class Resizing {
    private Resizing() {}

    static void backward(BackwardContext context) {
        var node = context.node();
        String mode = node.stringOf("mode", "nearest");
        if (!mode.equals("nearest") && !mode.equals("linear")
                || node.intOf("antialias", 0) == 1
                || !node.stringOf("keep_aspect_ratio_policy", "stretch").equals("stretch")
                || node.has("axes")) {
            throw context.refusal("only plain nearest and linear resizing is supported");
        }
        var e = context.emitter();
        var from = context.shapes().fixed(context.in(0));
        var to = context.shapes().fixed(context.out());
        String gradient = e.shaped(context.dy(), to);
        for (int axis = 0; axis < from.length; axis++) {
            if (from[axis] != to[axis]) {
                gradient = along(e, gradient, axis, matrix(context, axis, (int) from[axis], (int) to[axis]));
            }
        }
        context.give(0, e.reshapeLike(gradient, context.in(0)));
    }

    /** Product of the transposed matrix {@code [output, input]} with one axis of {@code gradient}. */
    private static String along(Emitter e, String gradient, int axis, double[][] matrix) {
        var shape = e.shapes().fixed(gradient).clone();
        long before = Arrays.stream(shape, 0, axis).reduce(1, (a, b) -> a * b);
        long after = Arrays.stream(shape, axis + 1, shape.length).reduce(1, (a, b) -> a * b);
        int outputs = matrix.length;
        int inputs = matrix[0].length;
        var transposed = new double[inputs * outputs];
        for (int i = 0; i < inputs * outputs; i++) {
            transposed[i] = matrix[i % outputs][i / outputs];
        }
        String weights = e.tensor(e.type(gradient), transposed, inputs, outputs);
        String product = e.op("MatMul", weights, e.reshape(gradient, before, outputs, after));
        shape[axis] = inputs;
        return e.shaped(e.reshape(product, shape), shape);
    }

    private static double[][] matrix(BackwardContext context, int axis, int inputs, int outputs) {
        var node = context.node();
        String mode = node.stringOf("coordinate_transformation_mode", "half_pixel");
        double scale = context.constant(2)
                .filter(scales -> scales.size() > axis)
                .map(scales -> scales.get(axis))
                .orElse((double) outputs / inputs);
        boolean nearest = node.stringOf("mode", "nearest").equals("nearest");
        var matrix = new double[outputs][inputs];
        for (int at = 0; at < outputs; at++) {
            double x = source(context, mode, at, scale, inputs, outputs);
            if (nearest) {
                matrix[at][clamp(rounded(node.stringOf("nearest_mode", "round_prefer_floor"), x), inputs)] = 1;
            } else {
                int left = (int) Math.floor(x);
                matrix[at][clamp(left, inputs)] += 1 - (x - left);
                matrix[at][clamp(left + 1, inputs)] += x - left;
            }
        }
        return matrix;
    }

    /** The input position of output position {@code at}, as defined by the ONNX specification of Resize. */
    private static double source(BackwardContext context, String mode, int at, double scale, int inputs, int outputs) {
        return switch (mode) {
            case "half_pixel" -> (at + 0.5) / scale - 0.5;
            case "pytorch_half_pixel" -> outputs > 1 ? (at + 0.5) / scale - 0.5 : 0;
            case "half_pixel_symmetric" -> {
                double adjustment = outputs / (scale * inputs);
                yield inputs / 2.0 * (1 - adjustment) + (at + 0.5) / scale - 0.5;
            }
            case "align_corners" -> outputs > 1 ? at * (inputs - 1.0) / (outputs - 1) : 0;
            case "asymmetric" -> at / scale;
            default -> throw context.refusal("coordinate_transformation_mode " + mode + " is not supported");
        };
    }

    private static int rounded(String mode, double x) {
        return (int)
                switch (mode) {
                    case "round_prefer_ceil" -> Math.floor(x + 0.5);
                    case "floor" -> Math.floor(x);
                    case "ceil" -> Math.ceil(x);
                    default -> Math.ceil(x - 0.5);
                };
    }

    private static int clamp(int position, int size) {
        return Math.clamp(position, 0, size - 1);
    }
}
