package dev.quantline.quantize.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The exported form: weights are stored as codes, so that onnxruntime runs integer kernels where it has them. */
final class StoredCodes implements QdqWriter.Realization {
    /** Largest width of codes for integer kernels. */
    private static final int BYTE = 8;

    private final QuantizationPlan plan;
    private final GraphIndex index;
    private final Map<Stored, String> codes = new HashMap<>();

    /** Codes of a constant; readers may need different scales. */
    private record Stored(String tensor, Uniform quantizer) {}

    private StoredCodes(QuantizationPlan plan, GraphIndex index) {
        this.plan = plan;
        this.index = index;
    }

    /** The model quantized by the plan, in the opset that its quantizers require. */
    static Graph of(Graph model, QuantizationPlan plan) {
        int needed = Stream.concat(
                        plan.weights().stream().map(QuantizationPlan.Weight::quantizer),
                        plan.activations().stream()
                                .map(QuantizationPlan.Activation::quantizer)
                                .filter(Uniform.class::isInstance)
                                .map(Uniform.class::cast))
                .mapToInt(Uniform::opset)
                .max()
                .orElse(0);
        var graph = model.opset() < needed ? OnnxLibrary.convert(model, needed) : model.copy();
        QdqWriter.write(graph, plan, new StoredCodes(plan, graph.index()));
        graph.sort();
        graph.prune();
        return graph;
    }

    @Override
    public void weight(QuantizationPlan.Weight weight, Node reader, QdqWriter writer) {
        var graph = writer.graph();
        var quantizer = weight.quantizer();
        if (reader.is("Gather")) {
            GatheredCodes.write(weight, codesOf(weight, graph), reader, writer);
            return;
        }
        String restored = graph.fresh(weight.tensor() + "/dequantized");
        writer.read(weight.node(), weight.input(), restored);
        String constant = codesOf(weight, graph);
        writer.later(
                takesCodes(reader, weight, graph.initializers().get(weight.tensor()))
                        ? () -> quantizer.writeRestore(graph, weight.tensor(), constant, quantizer.axis(), restored)
                        : () -> quantizer.writeProduct(graph, weight.tensor(), constant, restored));
    }

    private String codesOf(QuantizationPlan.Weight weight, Graph graph) {
        return codes.computeIfAbsent(
                new Stored(weight.tensor(), weight.quantizer()),
                first -> graph.addConstant(
                        weight.tensor() + "/quantized",
                        weight.quantizer().quantize(graph.initializers().get(weight.tensor()))));
    }

    /**
     * Whether onnxruntime fuses DequantizeLinear with the node after it: into an integer kernel, or into MatMulNBits if the
     * activation is float. Before any other node a DequantizeLinear would restore the weight on every run.
     */
    private boolean takesCodes(Node reader, QuantizationPlan.Weight weight, Tensor constant) {
        if (weight.quantizer().block() > 0) {
            return true;
        }
        if (!Operators.LAYERS.has(reader)
                || reader.is("Conv") && FloatKernels.isFaster(reader, constant)
                || weight.quantizer().bits() > BYTE) {
            return false;
        }
        boolean matrix =
                !reader.is("Conv") && constant.rank() == 2 && weight.input() == 1 && reader.intOf("transB", 0) == 0;
        return matrix
                || plan.activationOf(reader.input(1 - weight.input()), reader.name())
                        .filter(quantizer -> quantizer instanceof Uniform && quantizer.bits() <= BYTE)
                        .isPresent();
    }

    /** Integer kernels add the bias to the int32 sum, so its scale is s_x s_w of each channel. */
    @Override
    public void bias(QuantizationPlan.Weight weight, Node layer, QdqWriter writer) {
        var graph = writer.graph();
        var constant = layer.hasInput(2) ? graph.initializers().get(layer.input(2)) : null;
        boolean scaled = layer.floatOf("alpha", 1) != 1 || layer.floatOf("beta", 1) != 1;
        if (!layer.is("Conv", "Gemm")
                || constant == null
                || scaled
                || constant.rank() != 1
                || !takesCodes(layer, weight, graph.initializers().get(weight.tensor()))
                || weight.quantizer().block() > 0
                || !(plan.activationOf(layer.input(0), layer.name()).orElse(null) instanceof Uniform input)) {
            return;
        }
        var values = constant.toFloats();
        var weightScale = weight.quantizer().scale();
        var scale = new float[values.length];
        var sums = new int[values.length];
        for (int c = 0; c < values.length; c++) {
            scale[c] = Math.max(Float.MIN_NORMAL, input.scale()[0] * weightScale[weightScale.length == 1 ? 0 : c]);
            sums[c] = (int) Math.clamp(Math.rint(values[c] / (double) scale[c]), Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
        String restored = graph.fresh(layer.input(2) + "/dequantized");
        var stored = List.of(
                graph.addConstant(layer.input(2) + "/quantized", Tensor.of(sums, sums.length)),
                graph.addConstant(layer.input(2) + "/scale", Tensor.vector(scale)));
        writer.later(
                () -> graph.add(Node.of("DequantizeLinear", stored, restored).with("axis", 0L)));
        writer.read(layer.name(), 2, restored);
    }

    @Override
    public void activation(QuantizationPlan.Activation activation, String from, String to, QdqWriter writer) {
        String tensor = activation.tensor();
        String read = from.equals(tensor)
                ? from
                : withoutClip(tensor, activation.quantizer()).orElse(from);
        QdqWriter.Realization.super.activation(activation, read, to, writer);
    }

    /**
     * The input of a Clip before a quantizer whose codes end where the Clip does: such a Clip changes nothing, and integer kernels
     * of convolutions allow no Clip between their sum and their output.
     */
    private Optional<String> withoutClip(String tensor, Quantizer quantizer) {
        return index.producer(tensor, "Clip")
                .filter(clip -> quantizer instanceof Uniform uniform
                        && uniform.axis() == Uniform.PER_TENSOR
                        && saturates(clip, 1, bound -> uniform.quantize(bound, 0) == uniform.qmin())
                        && saturates(clip, 2, bound -> uniform.quantize(bound, 0) == uniform.qmax()))
                .map(clip -> clip.input(0));
    }

    private boolean saturates(Node clip, int bound, Predicate<Float> ends) {
        return !clip.hasInput(bound)
                || index.constant(clip.input(bound))
                        .filter(value -> ends.test((float) value.get(0)))
                        .isPresent();
    }
}
