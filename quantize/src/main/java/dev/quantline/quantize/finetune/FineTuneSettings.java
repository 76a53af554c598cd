package dev.quantline.quantize.finetune;

import dev.quantline.onnx.BadInput;
import java.util.Optional;

/**
 * Settings of QuantTune (arXiv 2403.06497; the loss is ours).
 *
 * @param task   what is kept up meanwhile
 * @param logits whether outputs are compared as distributions when the task is {@link Task#DISTILL}
 * @param output the output that is kept up; the first one of floats when empty
 * @param lambda weight of the outlier term, in units in which the term starts as large as the task loss of the quantized
 *               network; 0 trains on the task alone
 * @param width  k: what lies further than k standard deviations from the mean is an outlier
 * @param epochs passes over the training data
 * @param steps  training steps at most
 * @param batch  samples a step
 * @param rate   of AdamW; falls along half a cosine to 0
 * @param decay  of the weights, times the rate a step
 * @param clip   longest gradient, longer ones are scaled down to it; 0 for no limit
 * @param seed   of the order of samples
 */
public record FineTuneSettings(
        Task task,
        boolean logits,
        Optional<String> output,
        double lambda,
        double width,
        int epochs,
        int steps,
        int batch,
        double rate,
        double decay,
        double clip,
        long seed) {
    public FineTuneSettings {
        if (lambda < 0 || width <= 0 || epochs < 1 || steps < 1 || batch < 1 || rate <= 0 || decay < 0 || clip < 0) {
            throw new BadInput(
                    "tune.quanttune: k, epochs, steps, batch and rate must be above 0, lambda, decay and clip not below it");
        }
    }

    /** Of the first output of floats. */
    public FineTuneSettings(
            Task task,
            boolean logits,
            double lambda,
            double width,
            int epochs,
            int steps,
            int batch,
            double rate,
            double decay,
            double clip,
            long seed) {
        this(task, logits, Optional.empty(), lambda, width, epochs, steps, batch, rate, decay, clip, seed);
    }

    /** Two passes at 2e-5, outliers beyond 6 standard deviations weighing half as much as the task. */
    public static FineTuneSettings standard(Task task, boolean logits) {
        return new FineTuneSettings(task, logits, 0.5, 6, 2, Integer.MAX_VALUE, 32, 2e-5, 0.01, 1, 0);
    }

    /** The same with another weight of the outlier term. */
    public FineTuneSettings withLambda(double other) {
        return new FineTuneSettings(task, logits, output, other, width, epochs, steps, batch, rate, decay, clip, seed);
    }

    /** The same with at most so many steps. */
    public FineTuneSettings withSteps(int most) {
        return new FineTuneSettings(task, logits, output, lambda, width, epochs, most, batch, rate, decay, clip, seed);
    }
}
