package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.QdqNodes;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A uniform quantizer of activations: s = s0 r with r trained starting at 1 and, optionally, z = z0 + round(d) with d
 * trained starting at 0. With D = s round(d), which is rounded during training too, with a straight-through gradient,
 *
 * <pre>
 *   x^ = s (clip(round((x + D) / s) + z0) - z0) - D
 * </pre>
 *
 * so values inside the range leave d unchanged, and clipped values move it by -s, as for the offset of LSQ+ (arXiv
 * 2004.09576).
 */
final class TrainedActivationQuantizer implements TrainedPart {
    /** Lower bound of trained scale factors: scales must stay positive. */
    static final float LEAST = 1e-3f;

    private final String root;
    private final Uniform quantizer;
    private final boolean shifts;
    private final List<Place> places = new ArrayList<>();
    private String factor;
    private String shift;

    /** A tensor to quantize, and its quantized and restored form. */
    private record Place(String from, String to) {}

    /**
     * @param root   the tensor that the quantizer was planned for
     * @param shifts whether the zero point is trained
     */
    TrainedActivationQuantizer(String root, Uniform quantizer, boolean shifts) {
        this.root = root;
        this.quantizer = quantizer;
        this.shifts = shifts;
    }

    /** Adds a tensor to quantize: {@code from} is float, {@code to} is quantized and restored. */
    void add(String from, String to) {
        places.add(new Place(from, to));
    }

    @Override
    public void write(Graph graph) {
        factor = graph.addConstant(root + "/factor", Tensor.scalar(1));
        String unit = graph.addConstant(root + "/unit", Tensor.scalar(quantizer.scale()[0]));
        String least = graph.addConstant(root + "/least_factor", Tensor.scalar(LEAST));
        String scale = apply(graph, "Mul", unit, apply(graph, "Clip", factor, least));
        String zeroPoint = graph.addConstant(root + "/zero_point", quantizer.zeroPointTensor());
        int z = quantizer.zeroPoint()[0];
        var bounds = Optional.<QdqNodes.Bounds>empty();
        if (quantizer.clips()) {
            bounds = Optional.of(new QdqNodes.Bounds(
                    times(graph, scale, quantizer.qmin() - z), times(graph, scale, quantizer.qmax() - z)));
        }
        var nodes = new QdqNodes(bounds, scale, zeroPoint);
        String offset = shifts ? offset(graph, scale) : "";
        for (var place : places) {
            String from = shifts ? apply(graph, "Add", place.from(), offset) : place.from();
            String restored = shifts ? graph.fresh(place.from() + "/restored") : place.to();
            nodes.write(graph, place.from(), from, restored);
            if (shifts) {
                graph.add(Node.of("Sub", List.of(restored, offset), place.to()));
            }
        }
    }

    /** D: a whole number of steps, obtained with a quantizer of step 1. */
    private String offset(Graph graph, String scale) {
        shift = graph.addConstant(root + "/zero_point_shift", Tensor.scalar(0));
        var bounds = new QdqNodes.Bounds(
                graph.addConstant(root + "/shift_least", Tensor.scalar(least())),
                graph.addConstant(root + "/shift_most", Tensor.scalar(most())));
        String one = graph.addConstant(root + "/shift_unit", Tensor.scalar(1));
        String zero = graph.addConstant(root + "/shift_zero", Tensor.of(DataType.INT8, new byte[1]));
        String whole = graph.fresh(root + "/shift_whole");
        new QdqNodes(Optional.of(bounds), one, zero).write(graph, root + "/shift", shift, whole);
        return apply(graph, "Mul", scale, whole);
    }

    private static String apply(Graph graph, String op, String... inputs) {
        return graph.add(Node.of(op, List.of(inputs), graph.fresh(inputs[0] + "/" + op)));
    }

    private int least() {
        return Math.max(Byte.MIN_VALUE, quantizer.qmin() - quantizer.zeroPoint()[0]);
    }

    private int most() {
        return Math.min(Byte.MAX_VALUE, quantizer.qmax() - quantizer.zeroPoint()[0]);
    }

    private String times(Graph graph, String scale, int steps) {
        return apply(graph, "Mul", scale, graph.addConstant(root + "/steps", Tensor.scalar(steps)));
    }

    @Override
    public Map<String, Trainables.Kind> parameters() {
        var parameters = new LinkedHashMap<>(Map.of(factor, Trainables.Kind.ACTIVATION_SCALE));
        if (shifts) {
            parameters.put(shift, Trainables.Kind.ZERO_POINT);
        }
        return parameters;
    }

    @Override
    public void fold(Map<String, Tensor> values, Tuned tuned) {
        float scale =
                quantizer.scale()[0] * Math.max(values.get(factor).floats().get(0), LEAST);
        int moved =
                shifts ? (int) Math.rint(Math.clamp(values.get(shift).floats().get(0), least(), most())) : 0;
        tuned.activation(
                root,
                new Uniform(quantizer.bits(), quantizer.signed(), quantizer.axis(), new float[] {scale}, new int[] {
                    quantizer.zeroPoint()[0] + moved
                }));
    }

    /** Whether a quantizer can be trained. */
    static boolean takes(Quantizer quantizer) {
        return quantizer instanceof Uniform uniform && uniform.axis() == Uniform.PER_TENSOR;
    }
}
