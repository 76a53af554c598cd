package dev.quantline.quantize.finetune;

import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import java.util.List;
import java.util.Optional;

/** The loss of a task at one output of any form of a network (float, fine-tuned or quantized), or at the floats it was chosen from. */
final class TaskLoss {
    /** Input with the outputs of the original network. */
    static final String TEACHER = "finetune/teacher";

    private static final String TOKENS = "input_ids";
    private static final double TEMPERATURE = 1;

    private final FineTuneSettings settings;
    private final double power;

    /** @param power mean square of the original outputs, if they are compared as numbers */
    TaskLoss(FineTuneSettings settings, double power) {
        this.settings = settings;
        this.power = power;
    }

    /**
     * Returns the loss, after adding to the graph what it needs.
     *
     * @throws BadInput if the network lacks the inputs or outputs of the task
     */
    Loss addTo(Graph graph) {
        String output = output(graph, settings);
        int rank = rank(graph, output);
        return switch (settings.task()) {
            case CROSS_ENTROPY -> {
                require(
                        rank == 2,
                        "cross_entropy takes logits [samples, classes], but '" + output + "' has rank " + rank);
                yield new Loss.CrossEntropy(output, "labels", 0);
            }
            case PAIRS -> {
                require(
                        rank == 2 || rank == 3 && has(graph, Samples.MASK),
                        "pairs takes embeddings [samples, channels], or [samples, tokens,"
                                + " channels] and an input attention_mask, but '" + output + "' has rank " + rank);
                yield new Loss.CosinePairs(output, rank == 3 ? Samples.MASK : null, "scores");
            }
            case NEXT_TOKEN -> {
                require(
                        rank == 3 && has(graph, TOKENS),
                        "next_token takes logits [samples, tokens, vocabulary] and an input input_ids, but '" + output
                                + "' has rank " + rank);
                yield new Loss.NextToken(output, TOKENS);
            }
            case DISTILL -> {
                String counted = counted(graph, settings);
                yield settings.logits()
                        ? new Loss.Distillation(counted, TEACHER, TEMPERATURE)
                        : new Loss.Sum(List.of(Loss.Term.of(1 / power, new Loss.MeanSquared(counted, TEACHER))));
            }
        };
    }

    /** The output with zeros where the input is padding. */
    static String counted(Graph graph, FineTuneSettings settings) {
        String output = output(graph, settings);
        return has(graph, Samples.MASK) && rank(graph, output) == 3 ? Padded.zeroed(graph, output, 3, 1) : output;
    }

    private static String output(Graph graph, FineTuneSettings settings) {
        return ComparedOutputs.of(graph).lookedAt(settings.output()).names().getFirst();
    }

    private static int rank(Graph graph, String tensor) {
        return Optional.ofNullable(OnnxLibrary.inferShapes(graph).get(tensor))
                .flatMap(ValueInfos::shape)
                .map(shape -> shape.length)
                .orElse(-1);
    }

    static boolean has(Graph graph, String input) {
        return graph.inputs().stream().anyMatch(info -> info.getName().equals(input));
    }

    private static void require(boolean fits, String otherwise) {
        if (!fits) {
            throw new BadInput("training.loss: " + otherwise);
        }
    }
}
