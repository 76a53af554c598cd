package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.ComputedParameter;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A subgraph as it computes once it is quantized, with what is trained as initializers: the same arithmetic as the
 * exported model, rounding included. A subgraph owns the quantizers of the tensors it reads; its outputs are what comes
 * before theirs, except where they are outputs of the model.
 */
final class FakeQuantGraph {
    private final Subgraph part;
    private final Graph model;
    private final GraphIndex index;
    private final QuantizationPlan plan;
    private final Trainables trained;
    private final RoundingRegularizer regularizer;
    private final SharedQuantizers shared;
    private final Graph graph;
    private final List<TrainedPart> parts = new ArrayList<>();

    /**
     * @param trained   what is trained; constants that several layers share stay as they are
     * @param regularizer how learned rounding is driven to a decision
     */
    FakeQuantGraph(
            Subgraph part, Graph model, QuantizationPlan plan, Trainables trained, RoundingRegularizer regularizer) {
        this.part = part;
        this.model = model;
        this.plan = plan;
        this.trained = trained;
        this.regularizer = regularizer;
        index = model.index();
        shared = new SharedQuantizers(model, plan);
        graph = part.cut(model);
        // What leads to no output of the part is not in its graph.
        Set<String> computed = graph.nodes().stream()
                .map(Node::name)
                .filter(part.nodes()::contains)
                .collect(Collectors.toSet());
        plan.weights().stream()
                .filter(weight -> computed.contains(weight.node()))
                .forEach(this::weight);
        activations();
        if (trained.biases()) {
            model.nodes().stream()
                    .filter(node -> computed.contains(node.name()))
                    .forEach(this::bias);
        }
        parts.forEach(trainedPart -> trainedPart.write(graph));
        graph.sort();
    }

    /** A subgraph as it is exported, nothing trained. */
    static Graph fixed(Subgraph part, Graph model, QuantizationPlan plan) {
        return new FakeQuantGraph(part, model, plan, Trainables.NOTHING, new RoundingRegularizer(0, 1)).graph();
    }

    /** The graph with trained tensors as initializers, at their start values. */
    Graph graph() {
        return graph;
    }

    /** The trained tensors and what they are. */
    Map<String, Trainables.Kind> parameters() {
        var parameters = new LinkedHashMap<String, Trainables.Kind>();
        parts.forEach(trainedPart -> parameters.putAll(trainedPart.parameters()));
        return parameters;
    }

    /** Inputs that are computed from trained tensors: the weights. */
    List<ComputedParameter> derived() {
        return parts.stream()
                .filter(ComputedParameter.class::isInstance)
                .map(ComputedParameter.class::cast)
                .toList();
    }

    /** Values as they will be stored, of everything that training leaves undecided. */
    Map<String, Tensor> decided(Map<String, Tensor> values) {
        var decided = values;
        for (var trainedPart : parts) {
            decided = trainedPart instanceof TrainedWeightQuantizer weight ? weight.decided(decided) : decided;
        }
        return decided;
    }

    /** What the values of the trained tensors mean for model and plan. */
    Tuned fold(Map<String, Tensor> values) {
        var tuned = new Tuned();
        parts.forEach(trainedPart -> trainedPart.fold(values, tuned));
        return tuned;
    }

    private void weight(QuantizationPlan.Weight weight) {
        boolean layer =
                index.consumers(weight.tensor()).stream().allMatch(node -> node.is("MatMul", "Gemm", "Conv", "Add"));
        boolean moves = trained.weights() != Trainables.Weights.FIXED || trained.weightScales() || trained.affine();
        if (moves && layer && index.consumers(weight.tensor()).size() == 1) {
            parts.add(new TrainedWeightQuantizer(
                    weight, model.initializers().get(weight.tensor()), trained, regularizer));
        } else {
            String restored = graph.addConstant(
                    weight.tensor() + "/restored",
                    weight.quantizer().fakeQuantize(model.initializers().get(weight.tensor())));
            graph.nodes()
                    .replaceAll(node ->
                            node.name().equals(weight.node()) ? node.withInput(weight.input(), restored) : node);
        }
    }

    private void activations() {
        var trainedGrids = new HashMap<String, TrainedActivationQuantizer>();
        Set<String> modelOutputs =
                model.outputs().stream().map(output -> output.getName()).collect(Collectors.toSet());
        for (var planned : plan.activations()) {
            String tensor = planned.tensor();
            var readers = graph.nodes().stream()
                    .filter(node -> part.nodes().contains(node.name())
                            && node.inputs().contains(tensor)
                            && (planned.readers().isEmpty() || planned.readers().contains(node.name())))
                    .map(Node::name)
                    .collect(Collectors.toSet());
            boolean ends = planned.readers().isEmpty()
                    && modelOutputs.contains(tensor)
                    && part.outputs().contains(tensor);
            if (readers.isEmpty() && !ends) {
                continue;
            }
            String from = ends ? graph.fresh(tensor + "/float") : tensor;
            String to = ends ? tensor : graph.fresh(tensor + "/simulated");
            if (ends) {
                graph.nodes()
                        .replaceAll(node -> node.withOutputs(node.outputs().stream()
                                .map(output -> output.equals(tensor) ? from : output)
                                .toList()));
            } else {
                graph.nodes()
                        .replaceAll(node -> readers.contains(node.name())
                                ? node.mapInputs(input -> input.equals(tensor) ? to : input)
                                : node);
            }
            String root = shared.rootOf(tensor);
            boolean owned = root.equals(tensor) || trainedGrids.containsKey(root);
            if (trained.activationScales() && owned && TrainedActivationQuantizer.takes(planned.quantizer())) {
                trainedGrids
                        .computeIfAbsent(
                                root,
                                first -> new TrainedActivationQuantizer(
                                        root, (Uniform) planned.quantizer(), trained.zeroPoints()))
                        .add(from, to);
            } else {
                planned.quantizer().write(graph, tensor, from, to);
            }
        }
        parts.addAll(trainedGrids.values());
    }

    private void bias(Node node) {
        var weight = plan.weightOf(node.name());
        if (weight.isEmpty() || !node.is("Conv", "Gemm", "MatMul") || node.floatOf("beta", 1) != 1) {
            return;
        }
        var holder = node.is("MatMul")
                ? index.onlyConsumer(node.output())
                        .filter(next -> next.is("Add"))
                        .orElse(node)
                : node;
        int input = !node.is("MatMul") ? 2 : holder.input(0).equals(node.output()) ? 1 : 0;
        String bias = holder == node && node.is("MatMul") ? "" : holder.input(input);
        var constant = model.initializers().get(bias);
        if (constant == null
                || constant.rank() != 1
                || index.consumers(bias).size() != 1
                || !part.nodes().contains(holder.name())) {
            return;
        }
        var unit = unit(node, weight.get(), constant.size());
        if (unit != null) {
            parts.add(new TrainedBias(bias, constant, holder, input, unit));
        }
    }

    /** The spread of a sum over rounding errors of input and weight: s_x s_w sqrt(terms). */
    private float[] unit(Node node, QuantizationPlan.Weight weight, int channels) {
        var scales = weight.quantizer().scale();
        var grid = plan.activationOf(node.input(1 - weight.input()), node.name());
        if (scales.length != channels && scales.length != 1 || grid.isEmpty()) {
            return null;
        }
        double step = (grid.get().highest(0) - grid.get().lowest(0))
                / (grid.get().qmax() - grid.get().qmin());
        double terms = model.initializers().get(weight.tensor()).size() / (double) channels;
        var unit = new float[channels];
        for (int c = 0; c < channels; c++) {
            unit[c] = (float) (scales[scales.length == 1 ? 0 : c] * step * Math.sqrt(terms));
        }
        return unit;
    }
}
