package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.DoublePredicate;

/**
 * Checks sizes given by constants of a model. Expand, Tile, OneHot and others make a tensor of any size from a few bytes; if those
 * bytes are a constant, the size is checked against {@link Limit#ELEMENTS} before anything is allocated. Also checks integer
 * divisors of 0, which kill the process, and that a convolution's attributes fit the axes of its weights.
 */
final class ConstantSizes {
    /** Constants with more elements are not sizes, axes or counts. */
    private static final int MOST = 64;
    /** Largest scale of an axis of an image. */
    private static final double MOST_SCALE = 1 << 12;
    /** Operators whose output size is the product of a constant input, and the index of that input. */
    private static final Map<String, Integer> PRODUCTS =
            Map.of("Expand", 1, "ConstantOfShape", 0, "Tile", 1, "Reshape", 1, "AffineGrid", 1);
    /** Operators whose number of output elements follows from a constant input, and the index of that input. */
    private static final Map<String, Integer> COUNTS =
            Map.of("OneHot", 1, "TopK", 1, "HannWindow", 0, "HammingWindow", 0, "BlackmanWindow", 0, "DFT", 1);
    /** Lower bound on the ratio between the size of such a tensor and one of its axes. */
    private static final int BESIDES = 8;

    /** Convolutions, and the index of their weights. */
    private static final Map<String, Integer> CONVOLUTIONS =
            Map.of("Conv", 1, "ConvTranspose", 1, "ConvInteger", 1, "DeformConv", 1, "QLinearConv", 3);
    /** Axes of a convolution's weights besides those of its kernel: the channels of both sides. */
    private static final int CHANNEL_AXES = 2;
    /** Attributes of a convolution, and how many numbers they have for each axis of the kernel. */
    private static final Map<String, Integer> PER_AXIS =
            Map.of("kernel_shape", 1, "strides", 1, "dilations", 1, "pads", 2, "output_padding", 1);

    private static final Set<Integer> INTEGERS = Set.of(
            TensorProto.DataType.INT8.getNumber(),
            TensorProto.DataType.UINT8.getNumber(),
            TensorProto.DataType.INT16.getNumber(),
            TensorProto.DataType.UINT16.getNumber(),
            TensorProto.DataType.INT32.getNumber(),
            TensorProto.DataType.UINT32.getNumber(),
            TensorProto.DataType.INT64.getNumber(),
            TensorProto.DataType.UINT64.getNumber());

    private ConstantSizes() {}

    /**
     * Checks one node.
     *
     * @param constants of the graph and the graphs around it, by name
     * @throws BadInput naming the node and the limit
     */
    static void check(NodeProto node, Map<String, TensorProto> constants) {
        if (!node.getDomain().isEmpty() && !node.getDomain().equals("ai.onnx")) {
            return;
        }
        String op = node.getOpType();
        if (PRODUCTS.containsKey(op)) {
            values(node, PRODUCTS.get(op), constants).ifPresent(sizes -> bound(node, product(sizes)));
        }
        if (COUNTS.containsKey(op)) {
            values(node, COUNTS.get(op), constants).ifPresent(count -> bound(node, BESIDES * product(count)));
        }
        if (CONVOLUTIONS.containsKey(op)) {
            constant(node, CONVOLUTIONS.get(op), constants)
                    .ifPresent(weight -> convolution(node, CONVOLUTIONS.get(op), weight));
        }
        switch (op) {
            case "Range" -> range(node, constants);
            case "Resize" -> {
                values(node, 3, constants).ifPresent(sizes -> bound(node, product(sizes)));
                values(node, 2, constants).ifPresent(scales -> scales(node, scales));
            }
            case "Upsample" -> values(node, 1, constants).ifPresent(scales -> scales(node, scales));
            case "Pad" ->
                values(node, 1, constants).ifPresent(pads -> {
                    if (!all(pads, pad -> Math.abs(pad) <= Limit.ATTRIBUTE.value())) {
                        throw refused(node, "pads by " + Arrays.toString(pads) + ": " + Limit.ATTRIBUTE.words());
                    }
                });
            case "Div", "Mod" -> {
                var divisor = constant(node, 1, constants);
                if (divisor.filter(tensor -> INTEGERS.contains(tensor.getDataType()))
                                .isPresent()
                        && values(node, 1, constants)
                                .filter(values -> !all(values, value -> value != 0))
                                .isPresent()) {
                    throw refused(node, "divides integers by 0: export the model again");
                }
            }
            default -> {}
        }
    }

    private static void convolution(NodeProto node, int input, TensorProto weight) {
        var named = "weights '" + node.getInput(input) + "' with " + weight.getDimsCount() + " axes";
        int axes = weight.getDimsCount() - CHANNEL_AXES;
        if (axes < 1) {
            throw refused(node, "has " + named + ": those of a convolution have at least " + (CHANNEL_AXES + 1));
        }
        for (var attribute : node.getAttributeList()) {
            int wanted = axes * PER_AXIS.getOrDefault(attribute.getName(), 0);
            int given = attribute.getIntsCount();
            if (wanted > 0 && given > 0 && given != wanted) {
                throw refused(
                        node,
                        "has %d numbers in '%s' and %s, for which there are %d"
                                .formatted(given, attribute.getName(), named, wanted));
            }
        }
    }

    private static void range(NodeProto node, Map<String, TensorProto> constants) {
        var step = values(node, 2, constants);
        if (step.filter(values -> values.length != 1 || values[0] == 0).isPresent()) {
            throw refused(node, "counts in steps of 0: export the model again");
        }
        var start = values(node, 0, constants);
        var limit = values(node, 1, constants);
        if (step.isPresent() && start.isPresent() && limit.isPresent()) {
            bound(node, (limit.get()[0] - start.get()[0]) / step.get()[0]);
        }
    }

    private static void scales(NodeProto node, double[] scales) {
        if (!all(scales, scale -> scale > 0 && scale <= MOST_SCALE)) {
            throw refused(
                    node, "scales by " + Arrays.toString(scales) + ": each must be above 0 and at most " + MOST_SCALE);
        }
    }

    private static void bound(NodeProto node, double elements) {
        if (!(elements <= Limit.ELEMENTS.value())) {
            throw refused(
                    node, "produces a tensor of %.0f elements or more: %s".formatted(elements, Limit.ELEMENTS.words()));
        }
    }

    /** In float64, which represents numbers that would overflow an integer. Sizes of 0 and -1 are placeholders. */
    private static double product(double[] sizes) {
        return Arrays.stream(sizes).map(size -> Math.max(1, size)).reduce(1, (a, b) -> a * b);
    }

    private static boolean all(double[] values, DoublePredicate what) {
        return Arrays.stream(values).allMatch(what);
    }

    private static Optional<TensorProto> constant(NodeProto node, int input, Map<String, TensorProto> constants) {
        return input < node.getInputCount()
                ? Optional.ofNullable(constants.get(node.getInput(input)))
                : Optional.empty();
    }

    /** The values of a small constant input; empty if it is not one. */
    private static Optional<double[]> values(NodeProto node, int input, Map<String, TensorProto> constants) {
        return constant(node, input, constants)
                .filter(tensor -> !ExternalData.isIn(tensor)
                        && DataType.isKnown(tensor.getDataType())
                        && tensor.getDimsList().stream().allMatch(dim -> dim <= MOST))
                .map(TensorProtos::fromProto)
                .filter(tensor -> tensor.size() > 0 && tensor.size() <= MOST)
                .map(tensor -> {
                    var values = new double[tensor.size()];
                    Arrays.setAll(values, tensor::get);
                    return values;
                });
    }

    private static BadInput refused(NodeProto node, String reason) {
        return new BadInput(ModelCheck.name(node) + " " + reason);
    }
}
