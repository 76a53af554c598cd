package dev.quantline.quantize.tune;

import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.BlockTuning.Split;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The loss of a subgraph: the distance of its outputs from the float ones, relative to their mean power, and that of the
 * outputs of its stage if the stage is included. The weights of the two terms are inputs of the graph.
 */
final class ReconstructionLoss {
    private static final String NEAR = "weight/near";
    private static final String FAR = "weight/far";

    private final BlockData data;
    private final Training training;
    private final Split split;
    private final Graph graph;
    private final List<Loss.Term> terms = new ArrayList<>();

    /** @param graph ends in the outputs of the subgraph, and in those of its stage if the loss includes them; it is changed */
    ReconstructionLoss(BlockData data, Training training, Split split, Graph graph) {
        this.data = data;
        this.training = training;
        this.split = split;
        this.graph = graph;
        String near = data.ahead().isPresent() ? NEAR : null;
        data.subgraph()
                .outputs()
                .forEach(output -> add(
                        output, data.targets(), near, data.subgraph().outputs().size()));
        data.ahead()
                .ifPresent(ahead -> ahead.rest()
                        .outputs()
                        .forEach(output -> add(
                                output,
                                ahead.targets(),
                                FAR,
                                ahead.rest().outputs().size())));
    }

    Loss loss() {
        return new Loss.Sum(terms);
    }

    /** The inputs that weight the two distances. */
    static Map<String, Tensor> weights(double near, double far) {
        return Map.of(NEAR, Tensor.scalar((float) near), FAR, Tensor.scalar((float) far));
    }

    private void add(String output, Activations targets, String weight, int outputs) {
        String prediction = output;
        if (!targets.isUniform(output)) {
            prediction = graph.fresh(output + "/counted");
            graph.inputs().add(ValueInfos.of(output + BlockData.FILLED, DataType.FLOAT, targets.maskShape(output)));
            graph.add(Node.of("Mul", List.of(output, output + BlockData.FILLED), prediction));
        }
        String target = output + BlockData.TARGET;
        var distance = switch (training.loss()) {
            case MSE -> new Loss.MeanSquared(prediction, target);
            case MAE -> new Loss.MeanAbsolute(prediction, target);
            case KL -> new Loss.Distillation(prediction, target, 1);
        };
        double power = switch (training.loss()) {
            case MSE -> targets.power(output, split.judging(), split.all(), 2);
            case MAE -> targets.power(output, split.judging(), split.all(), 1);
            case KL -> 1;
        };
        terms.add(new Loss.Term(1 / Math.max(power, Float.MIN_NORMAL) / outputs, weight, distance));
    }
}
