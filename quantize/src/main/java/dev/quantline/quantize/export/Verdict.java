package dev.quantline.quantize.export;

import dev.quantline.quantize.evaluate.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * A result in words: whether a stated goal was missed, and which outputs are so far from the float model's that they are
 * unusable.
 *
 * @param missed  whether the goal was missed
 * @param message null if there is nothing to say
 */
record Verdict(boolean missed, String message) {
    /** Below this, more than a tenth of an output's power is error. */
    private static final double FAR_DB = 10;

    /**
     * Gives the verdict.
     *
     * @param goal   largest drop of the metric, or of the cosine from 1 if there is no metric
     * @param advice what may help to keep the goal
     */
    static Verdict of(Evaluation result, List<JudgedOutput> outputs, OptionalDouble goal, String advice) {
        double drop = drop(result);
        boolean missed = goal.isPresent() && drop > goal.getAsDouble();
        var sentences = new ArrayList<String>();
        if (missed) {
            sentences.add("the metric dropped by %.4f, but the goal allows %.4f; this is the best model found%s"
                    .formatted(drop, goal.getAsDouble(), advice));
        }
        var far = outputs.stream()
                .filter(output -> output.sqnrDb() != null && output.sqnrDb() < FAR_DB)
                .toList();
        if (!far.isEmpty()) {
            sentences.add(String.join(
                            ", ",
                            far.stream()
                                    .map(output -> "'%s' is at %.1f dB".formatted(output.name(), output.sqnrDb()))
                                    .toList())
                    + (", below %.0f dB: the quantized model does not compute what the float model does; use more bits, or exclude"
                                    + " layers")
                            .formatted(FAR_DB));
        }
        return new Verdict(missed, sentences.isEmpty() ? null : String.join("; ", sentences));
    }

    /** How much worse the quantized model is, by the metric or else by the cosine similarity. */
    static double drop(Evaluation result) {
        return result.baseline().isPresent()
                ? result.drop()
                : 1 - result.fidelity().cosine();
    }
}
