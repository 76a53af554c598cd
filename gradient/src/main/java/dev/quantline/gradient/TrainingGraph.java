package dev.quantline.gradient;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.gradient.emit.Shapes;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.ValueInfos;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;

/**
 * A graph that computes a loss and its gradients in one run.
 *
 * @param graph     inputs: those of the model, targets of the loss, and the trained tensors; outputs: the loss, the
 *                  gradients, and the observed tensors
 * @param loss      the output with the loss, a scalar
 * @param gradients the output with the gradient of each trained tensor, by the tensor's name, in the order in which
 *                  they were named
 */
public record TrainingGraph(Graph graph, String loss, Map<String, String> gradients) {

    /**
     * Differentiates a model.
     *
     * @param model    any graph of opset 7 to 21; it is not changed
     * @param sizes    shapes by name, of inputs and of outputs of operators of other domains, negative where a size is open: -1, or
     *                 a smaller number, which stands for the same size wherever it occurs and saves comparing sizes during training;
     *                 inputs not named keep open sizes, which some operators reject
     * @param trained  floating-point initializers or inputs
     * @param loss     may refer to any tensor of the model
     * @param observed additional tensors of the model to output
     * @throws BadInput before anything runs: if a trained tensor does not exist, an operator between a trained tensor and the loss
     *     has no gradient rule, or the loss refers to a tensor that the model does not compute
     */
    public static TrainingGraph of(
            Graph model,
            Map<String, long[]> sizes,
            Collection<String> trained,
            Loss loss,
            Collection<String> observed) {
        var prepared = withLoss(model, sizes, trained, loss, observed);
        return Backward.append(prepared.graph(), prepared.loss(), trained, observed);
    }

    /** The same without gradients, for held-out data. */
    public static TrainingGraph forward(
            Graph model,
            Map<String, long[]> sizes,
            Collection<String> trained,
            Loss loss,
            Collection<String> observed) {
        var prepared = withLoss(model, sizes, trained, loss, observed);
        prepared.graph()
                .outputs()
                .removeIf(output -> !output.getName().equals(prepared.loss()) && !observed.contains(output.getName()));
        return prepared;
    }

    private static TrainingGraph withLoss(
            Graph model,
            Map<String, long[]> sizes,
            Collection<String> trained,
            Loss loss,
            Collection<String> observed) {
        var read = new LinkedHashSet<>(observed);
        read.addAll(loss.tensors());
        var graph = new Fusions()
                .apply(Preparation.of(withOutputs(model, sizes, read, trained), sizes, trained))
                .graph();
        var emitter = new Emitter(graph, Shapes.infer(graph));
        emitter.scope("loss");
        String scalar = loss.emit(emitter);
        var extended = emitter.finish();
        extended.outputs().clear();
        extended.outputs().add(ValueInfos.of(scalar, emitter.type(scalar)));
        observed.forEach(tensor -> extended.outputs().add(ValueInfos.of(tensor, emitter.type(tensor))));
        declareHidden(extended, sizes);
        return new TrainingGraph(extended, scalar, Map.of());
    }

    /** The part of a model that computes {@code tensors}, which no later rewrite may fuse away, and all trained tensors. */
    private static Graph withOutputs(
            Graph model, Map<String, long[]> sizes, Collection<String> tensors, Collection<String> trained) {
        var part = model.copy();
        var infos = OnnxLibrary.inferShapes(model);
        part.outputs().clear();
        for (String tensor : tensors) {
            var type = Optional.ofNullable(infos.get(tensor)).flatMap(ValueInfos::type);
            part.outputs()
                    .add(ValueInfos.of(
                            tensor,
                            type.orElseThrow(() -> new BadInput(
                                    "the loss refers to tensor '" + tensor + "', which the model does not compute"))));
        }
        part.prune();
        trained.stream()
                .filter(model.initializers()::containsKey)
                .forEach(name ->
                        part.initializers().put(name, model.initializers().get(name)));
        declareHidden(part, sizes);
        return part;
    }

    /** Shape inference continues from an output whose shape is declared. */
    private static void declareHidden(Graph graph, Map<String, long[]> sizes) {
        graph.nodes().stream()
                .filter(node -> !node.domain().isEmpty())
                .flatMap(node -> node.outputs().stream())
                .filter(sizes::containsKey)
                .forEach(tensor -> {
                    var type = graph.outputs().stream()
                            .filter(output -> output.getName().equals(tensor))
                            .findFirst()
                            .flatMap(ValueInfos::type);
                    graph.outputs().removeIf(output -> output.getName().equals(tensor));
                    graph.outputs().add(ValueInfos.of(tensor, type.orElse(DataType.FLOAT), sizes.get(tensor)));
                });
    }
}
