package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.ComputedParameter;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.FakeQuantizedWeights;
import dev.quantline.quantize.plan.QdqWriter;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A subgraph as it computes once it is quantized, with what is trained as initializers: the same arithmetic as the
 * exported model, rounding included.
 */
final class FakeQuantGraph {
    private final Graph graph;
    private final List<TrainedPart> parts;

    /**
     * @param trained     what is trained; constants that several layers share stay as they are
     * @param regularizer how learned rounding is driven to a decision
     */
    FakeQuantGraph(
            Subgraph subgraph,
            Graph model,
            QuantizationPlan plan,
            Trainables trained,
            RoundingRegularizer regularizer) {
        var quantizers = new TrainedQuantizers(subgraph, model, plan, trained, regularizer);
        graph = written(subgraph, model, plan, quantizers);
        parts = quantizers.parts();
        parts.forEach(part -> part.write(graph));
        graph.sort();
    }

    /** A subgraph as it is exported, nothing trained. */
    static Graph fixed(Subgraph subgraph, Graph model, QuantizationPlan plan) {
        var graph = written(subgraph, model, plan, new FakeQuantizedWeights(model.initializers()));
        graph.sort();
        return graph;
    }

    private static Graph written(
            Subgraph subgraph, Graph model, QuantizationPlan plan, QdqWriter.Realization quantizers) {
        var graph = subgraph.cut(model);
        QdqWriter.write(graph, subgraph.own(plan, graph, model), quantizers);
        return graph;
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
}
