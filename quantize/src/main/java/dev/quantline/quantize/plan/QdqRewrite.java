package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Writes a plan into a graph as QuantizeLinear and DequantizeLinear nodes. */
final class QdqRewrite {
    /** Codes that integer kernels take. */
    private static final int BYTE = 8;

    private final Graph graph;
    private final GraphIndex index;
    private final QuantizationPlan plan;
    /** New name of input i of a node, by node name and input. */
    private final Map<String, Map<Integer, String>> replaced = new HashMap<>();

    private final Map<String, String> renamedOutputs = new HashMap<>();
    private final Map<Stored, String> codes = new HashMap<>();
    /** What is written once the model's own nodes are renamed. */
    private final List<Runnable> writes = new ArrayList<>();

    /** Codes of a constant; readers may need scales of their own. */
    private record Stored(String tensor, Uniform quantizer) {}

    QdqRewrite(Graph model, QuantizationPlan plan) {
        int needed = Stream.concat(
                        plan.weights().stream().map(QuantizationPlan.Weight::quantizer),
                        plan.activations().stream()
                                .map(QuantizationPlan.Activation::quantizer)
                                .filter(Uniform.class::isInstance)
                                .map(Uniform.class::cast))
                .mapToInt(Uniform::opset)
                .max()
                .orElse(0);
        graph = model.opset() < needed ? OnnxLibrary.convert(model, needed) : model.copy();
        index = graph.index();
        this.plan = plan;
    }

    Graph apply() {
        plan.weights().forEach(this::weight);
        graph.nodes().forEach(this::bias);
        plan.activations().forEach(this::activation);
        graph.rewrite(node -> List.of(changed(node)));
        writes.forEach(Runnable::run);
        graph.sort();
        graph.prune();
        return graph;
    }

    private Node changed(Node node) {
        for (var input : replaced.getOrDefault(node.name(), Map.of()).entrySet()) {
            node = node.withInput(input.getKey(), input.getValue());
        }
        return node.withOutputs(node.outputs().stream()
                .map(name -> renamedOutputs.getOrDefault(name, name))
                .toList());
    }

    private void replace(String node, int input, String tensor) {
        replaced.computeIfAbsent(node, key -> new HashMap<>()).put(input, tensor);
    }

    private void weight(QuantizationPlan.Weight weight) {
        var reader = graph.node(weight.node())
                .orElseThrow(() -> new IllegalStateException(
                        "the plan names node '" + weight.node() + "', and the model has none"));
        if (reader.is("Gather")) {
            table(weight, reader);
        } else {
            String restored = graph.fresh(weight.tensor() + "/dequantized");
            replace(weight.node(), weight.input(), restored);
            String constant = codesOf(weight);
            boolean taken = takesCodes(reader, weight);
            writes.add(() -> {
                if (taken) {
                    weight.quantizer()
                            .writeRestore(
                                    graph,
                                    weight.tensor(),
                                    constant,
                                    weight.quantizer().axis(),
                                    restored);
                } else {
                    weight.quantizer().writeProduct(graph, weight.tensor(), constant, restored);
                }
            });
        }
    }

    /**
     * Whether onnxruntime makes one kernel of DequantizeLinear and the node behind it: an integer one, or MatMulNBits where the
     * activation is float. Before any other node a DequantizeLinear would restore the weight on every run.
     */
    private boolean takesCodes(Node reader, QuantizationPlan.Weight weight) {
        var tensor = graph.initializers().get(weight.tensor());
        if (weight.quantizer().block() > 0) {
            return true;
        }
        if (!reader.is("MatMul", "Gemm", "Conv")
                || reader.is("Conv") && FloatKernels.isFaster(reader, tensor)
                || weight.quantizer().bits() > BYTE) {
            return false;
        }
        var input = plan.activationOf(reader.input(1 - weight.input()), reader.name());
        boolean matrix =
                !reader.is("Conv") && tensor.rank() == 2 && weight.input() == 1 && reader.intOf("transB", 0) == 0;
        return matrix
                || input.filter(grid -> grid instanceof Uniform && grid.bits() <= BYTE)
                        .isPresent();
    }

    /** Rows are gathered as codes and restored afterwards: the table never exists as floats. */
    private void table(QuantizationPlan.Weight weight, Node gather) {
        replace(weight.node(), weight.input(), codesOf(weight));
        String rows = graph.fresh(gather.output() + "/codes");
        renamedOutputs.put(gather.output(), rows);
        if (weight.quantizer().axis() == 0 && weight.quantizer().block() == 0) {
            writes.add(() -> restoreRows(weight, gather, rows));
        } else {
            writes.add(() -> weight.quantizer().writeRestore(graph, weight.tensor(), rows, -1, gather.output()));
        }
    }

    /** Scales of their own for every row are gathered like the rows: DequantizeLinear takes no scales that vary with the data. */
    private void restoreRows(QuantizationPlan.Weight weight, Node gather, String rows) {
        String picked = graph.fresh(gather.output() + "/scale");
        String numbers = graph.fresh(gather.output() + "/numbers");
        if (weight.quantizer().hasHalfScales()) {
            String halves = graph.fresh(picked + "/half");
            graph.nodes().add(Node.of("Gather", List.of(scales(weight, Tensor::half), gather.input(1)), halves));
            graph.nodes().add(Node.of("Cast", List.of(halves), picked).with("to", (long) DataType.FLOAT.code()));
        } else {
            graph.nodes().add(Node.of("Gather", List.of(scales(weight, scale -> scale), gather.input(1)), picked));
        }
        graph.nodes().add(Node.of("Cast", List.of(rows), numbers).with("to", (long) DataType.FLOAT.code()));
        graph.nodes().add(Node.of("Mul", List.of(numbers, picked), gather.output()));
    }

    private String scales(QuantizationPlan.Weight weight, UnaryOperator<Tensor> stored) {
        var scale = Tensor.vector(weight.quantizer().scale());
        return graph.addConstant(weight.tensor() + "/scale", stored.apply(scale.reshape(scale.size(), 1)));
    }

    private String codesOf(QuantizationPlan.Weight weight) {
        return codes.computeIfAbsent(
                new Stored(weight.tensor(), weight.quantizer()),
                first -> graph.addConstant(
                        weight.tensor() + "/quantized",
                        weight.quantizer().quantize(graph.initializers().get(weight.tensor()))));
    }

    /** Integer kernels add the bias to the int32 sum: its scale is s_x s_w of each channel. */
    private void bias(Node node) {
        var constant = node.hasInput(2) ? graph.initializers().get(node.input(2)) : null;
        var weight = plan.weightOf(node.name());
        var input = plan.activationOf(node.input(0), node.name());
        boolean scaled = node.floatOf("alpha", 1) != 1 || node.floatOf("beta", 1) != 1;
        if (!node.is("Conv", "Gemm")
                || constant == null
                || weight.isEmpty()
                || scaled
                || constant.rank() != 1
                || !takesCodes(node, weight.get())
                || weight.get().quantizer().block() > 0
                || !(input.orElse(null) instanceof Uniform grid)) {
            return;
        }
        var values = constant.toFloats();
        var weightScale = weight.get().quantizer().scale();
        var scale = new float[values.length];
        var sums = new int[values.length];
        for (int c = 0; c < values.length; c++) {
            scale[c] = Math.max(Float.MIN_NORMAL, grid.scale()[0] * weightScale[weightScale.length == 1 ? 0 : c]);
            sums[c] = (int) Math.clamp(Math.rint(values[c] / (double) scale[c]), Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
        String restored = graph.fresh(node.input(2) + "/dequantized");
        var restore = Node.of(
                        "DequantizeLinear",
                        List.of(
                                graph.addConstant(node.input(2) + "/quantized", Tensor.of(sums, sums.length)),
                                graph.addConstant(node.input(2) + "/scale", Tensor.vector(scale))),
                        restored)
                .with("axis", 0L);
        writes.add(() -> graph.nodes().add(restore));
        replace(node.name(), 2, restored);
    }

    private void activation(QuantizationPlan.Activation activation) {
        String tensor = activation.tensor();
        String from = activation.readers().isEmpty() ? graph.fresh(tensor + "/float") : tensor;
        String to = activation.readers().isEmpty() ? tensor : graph.fresh(tensor + "/dequantized");
        if (activation.readers().isEmpty()) {
            renamedOutputs.put(tensor, from);
        } else {
            for (var node : graph.nodes()) {
                for (int i = 0; i < node.inputs().size(); i++) {
                    if (node.input(i).equals(tensor) && activation.readers().contains(node.name())) {
                        replace(node.name(), i, to);
                    }
                }
            }
        }
        String input = activation.readers().isEmpty()
                ? withoutClip(tensor, activation.quantizer()).orElse(from)
                : from;
        writes.add(() -> activation.quantizer().write(graph, tensor, input, to));
    }

    /**
     * What a Clip before a quantizer reads, if the quantizer's codes end where the Clip does: it then changes nothing, and integer
     * kernels of convolutions take no Clip between their sum and their output.
     */
    private Optional<String> withoutClip(String tensor, Quantizer quantizer) {
        return index.producer(tensor, "Clip")
                .filter(clip -> quantizer instanceof Uniform grid
                        && grid.axis() == Uniform.PER_TENSOR
                        && saturates(clip, 1, bound -> grid.quantize(bound, 0) == grid.qmin())
                        && saturates(clip, 2, bound -> grid.quantize(bound, 0) == grid.qmax()))
                .map(clip -> clip.input(0));
    }

    private boolean saturates(Node clip, int bound, Predicate<Float> ends) {
        return !clip.hasInput(bound)
                || index.constant(clip.input(bound))
                        .filter(value -> ends.test((float) value.get(0)))
                        .isPresent();
    }
}
