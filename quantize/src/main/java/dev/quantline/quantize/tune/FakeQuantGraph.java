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
 * A subgraph with simulated quantization whose trained tensors are initializers: the same arithmetic as the exported
 * model, rounding included.
 */
final class FakeQuantGraph {
    private final Graph graph;
    private final List<TrainedPart> parts;

    /**
     * @param trained     the kinds of tensors to train; constants that several layers share stay as they are
     * @param regularizer drives learned rounding to a decision
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

    /** A subgraph as it will be exported, with nothing to train. */
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

    /** The graph, whose trained tensors are initializers with their start values. */
    Graph graph() {
        return graph;
    }

    /** The trained tensors and their kinds. */
    Map<String, Trainables.Kind> parameters() {
        var parameters = new LinkedHashMap<String, Trainables.Kind>();
        parts.forEach(trainedPart -> parameters.putAll(trainedPart.parameters()));
        return parameters;
    }

    /** Inputs computed from trained tensors: the weights. */
    List<ComputedParameter> derived() {
        return parts.stream()
                .filter(ComputedParameter.class::isInstance)
                .map(ComputedParameter.class::cast)
                .toList();
    }

    /** The values with all learned rounding decided, as they will be stored. */
    Map<String, Tensor> decided(Map<String, Tensor> values) {
        var decided = values;
        for (var trainedPart : parts) {
            decided = trainedPart instanceof TrainedWeightQuantizer weight ? weight.decided(decided) : decided;
        }
        return decided;
    }

    /** Turns values of the trained tensors into changes of the model and the plan. */
    Tuned fold(Map<String, Tensor> values) {
        var tuned = new Tuned();
        parts.forEach(trainedPart -> trainedPart.fold(values, tuned));
        return tuned;
    }
}
