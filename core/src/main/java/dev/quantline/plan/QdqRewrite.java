package dev.quantline.plan;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantizer.Uniform;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Writes a plan into a graph as QuantizeLinear and DequantizeLinear nodes. */
final class QdqRewrite {
    private final Graph graph;
    private final QuantizationPlan plan;
    /** New name of input i of a node, by node name and input. */
    private final Map<String, Map<Integer, String>> replaced = new HashMap<>();
    private final Map<String, String> renamedOutputs = new HashMap<>();
    private final Map<String, String> codes = new HashMap<>();
    private final List<Node> added = new ArrayList<>();

    QdqRewrite(Graph model, QuantizationPlan plan) {
        graph = model.copy();
        this.plan = plan;
    }

    Graph apply() {
        plan.weights().forEach(this::weight);
        graph.nodes().forEach(this::bias);
        plan.activations().forEach(this::activation);
        graph.rewrite(node -> List.of(changed(node)));
        graph.nodes().addAll(added);
        graph.sort();
        graph.prune();
        return graph;
    }

    private Node changed(Node node) {
        for (var input : replaced.getOrDefault(node.name(), Map.of()).entrySet()) {
            node = node.withInput(input.getKey(), input.getValue());
        }
        return node.withOutputs(node.outputs().stream().map(name -> renamedOutputs.getOrDefault(name, name)).toList());
    }

    private void replace(String node, int input, String tensor) {
        replaced.computeIfAbsent(node, key -> new HashMap<>()).put(input, tensor);
    }

    private void weight(QuantizationPlan.Weight weight) {
        var reader = graph.nodes().stream().filter(node -> node.name().equals(weight.node())).findFirst().orElseThrow(
            () -> new IllegalStateException("the plan names node '" + weight.node() + "', and the model has none"));
        if (reader.is("Gather")) {
            table(weight, reader);
        } else {
            String restored = graph.fresh(weight.tensor() + "/dequantized");
            replace(weight.node(), weight.input(), restored);
            added.add(dequantize(codesOf(weight), weight.quantizer(), grid(weight.quantizer(), weight.tensor()), restored));
        }
    }

    /** Rows are gathered as codes and restored afterwards: the table never exists as floats. */
    private void table(QuantizationPlan.Weight weight, Node gather) {
        replace(weight.node(), weight.input(), codesOf(weight));
        String rows = graph.fresh(gather.output() + "/codes");
        renamedOutputs.put(gather.output(), rows);
        var restore = dequantize(rows, weight.quantizer(), grid(weight.quantizer(), weight.tensor()), gather.output());
        added.add(weight.quantizer().axis() == Uniform.PER_TENSOR ? restore : restore.with("axis", -1L));
    }

    private String codesOf(QuantizationPlan.Weight weight) {
        String key = weight.tensor() + weight.quantizer().axis() + "/" + weight.quantizer().bits();
        return codes.computeIfAbsent(key, first -> graph.addConstant(weight.tensor() + "/quantized",
            weight.quantizer().quantize(graph.initializers().get(weight.tensor()))));
    }

    private static Node dequantize(String codes, Uniform quantizer, Grid grid, String output) {
        var node = Node.of("DequantizeLinear", List.of(codes, grid.scale(), grid.zeroPoint()), output);
        return quantizer.axis() == Uniform.PER_TENSOR ? node : node.with("axis", (long) quantizer.axis());
    }

    /** Names of the constants that hold a quantizer's parameters. */
    private record Grid(String scale, String zeroPoint) {
    }

    private Grid grid(Uniform quantizer, String base) {
        return new Grid(graph.addConstant(base + "/scale", quantizer.scaleTensor()),
            graph.addConstant(base + "/zero_point", quantizer.zeroPointTensor()));
    }

    /** Integer kernels add the bias to the int32 sum: its scale is s_x s_w of each channel. */
    private void bias(Node node) {
        var constant = node.hasInput(2) ? graph.initializers().get(node.input(2)) : null;
        var weight = plan.weightOf(node.name());
        var input = plan.activationOf(node.input(0), node.name());
        boolean scaled = node.floatOf("alpha", 1) != 1 || node.floatOf("beta", 1) != 1;
        if (!node.is("Conv", "Gemm") || constant == null || weight.isEmpty() || input.isEmpty() || scaled || constant.rank() != 1) {
            return;
        }
        var values = constant.toFloats();
        var weightScale = weight.get().quantizer().scale();
        var scale = new float[values.length];
        var sums = new int[values.length];
        for (int c = 0; c < values.length; c++) {
            scale[c] = input.get().scale()[0] * weightScale[weightScale.length == 1 ? 0 : c];
            sums[c] = (int) Math.clamp(Math.rint(values[c] / (double) scale[c]), Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
        String base = graph.fresh(node.input(2) + "/dequantized");
        added.add(Node.of("DequantizeLinear", List.of(
            graph.addConstant(node.input(2) + "/quantized", Tensor.of(sums, sums.length)),
            graph.addConstant(node.input(2) + "/scale", Tensor.vector(scale))), base).with("axis", 0L));
        replace(node.name(), 2, base);
    }

    private void activation(QuantizationPlan.Activation activation) {
        String tensor = activation.tensor();
        String from = tensor;
        String to;
        if (activation.readers().isEmpty()) {
            from = graph.fresh(tensor + "/float");
            to = tensor;
            renamedOutputs.put(tensor, from);
        } else {
            to = graph.fresh(tensor + "/dequantized");
            for (var node : graph.nodes()) {
                for (int i = 0; i < node.inputs().size(); i++) {
                    if (node.input(i).equals(tensor) && activation.readers().contains(node.name())) {
                        replace(node.name(), i, to);
                    }
                }
            }
        }
        var quantizer = activation.quantizer();
        if (quantizer.bits() < quantizer.storage().bits()) {
            from = clip(tensor, from, quantizer);
        }
        var grid = grid(quantizer, tensor);
        String quantized = graph.fresh(tensor + "/quantized");
        added.add(Node.of("QuantizeLinear", List.of(from, grid.scale(), grid.zeroPoint()), quantized));
        added.add(dequantize(quantized, quantizer, grid, to));
    }

    /** Codes narrower than their storage type do not saturate by themselves. */
    private String clip(String tensor, String from, Uniform quantizer) {
        String clipped = graph.fresh(tensor + "/clipped");
        added.add(Node.of("Clip", List.of(from, graph.addConstant(tensor + "/lowest", Tensor.scalar(quantizer.lowest(0))),
            graph.addConstant(tensor + "/highest", Tensor.scalar(quantizer.highest(0)))), clipped));
        return clipped;
    }
}
