package dev.quantline.tuner;

import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.finetune.FineTuneSettings;
import dev.quantline.quantize.finetune.Task;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.tune.Training;
import dev.quantline.quantize.tune.TuneSettings;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/** Tuning as core takes it, from a request whose vocabulary the schema has checked. */
final class TuneRequest {
    private static final Set<String> LOGITS = Set.of("top1", "top5", "perplexity");

    private TuneRequest() {}

    static TuneSettings settings(JobRequest job) {
        var tune = job.recipe().tune();
        return new TuneSettings(
                TuneSettings.Rounding.valueOf(upper(tune.rounding())),
                tune.bias(),
                tune.samples(),
                TuneSettings.Method.valueOf(upper(tune.layers())),
                tune.order().equals("sequential"),
                tune.blocks(),
                tune.affine(),
                whole(job),
                logits(job),
                output(job),
                tune.normalization(),
                training(tune.training()));
    }

    private static TuneSettings.Whole whole(JobRequest job) {
        String wanted = job.recipe().tune().whole();
        if (wanted.equals("logits")) {
            return logits(job) ? TuneSettings.Whole.ALL : TuneSettings.Whole.OFF;
        }
        return TuneSettings.Whole.valueOf(upper(wanted));
    }

    /** Whether samples are text that a language model could add to. */
    static boolean isText(JobRequest job) {
        return job.evaluation()
                .filter(evaluation -> evaluation.metric().equals("perplexity"))
                .isPresent();
    }

    /** Outputs of classifiers and language models are compared as distributions. */
    private static boolean logits(JobRequest job) {
        return job.evaluation()
                .map(JobRequest.Evaluation::metric)
                .filter(LOGITS::contains)
                .isPresent();
    }

    /** The output that a metric looks at, where it is named. */
    static Optional<String> output(JobRequest job) {
        return job.evaluation().flatMap(JobRequest.Evaluation::output);
    }

    /** Fine-tuning of the float network. */
    static FineTuneSettings fineTuning(JobRequest job) {
        var quanttune = job.recipe().tune().quanttune().orElseThrow();
        var task = job.training()
                .map(training -> Task.valueOf(upper(training.loss())))
                .orElse(Task.DISTILL);
        return new FineTuneSettings(
                task,
                logits(job),
                output(job),
                quanttune.lambda(),
                quanttune.k(),
                quanttune.epochs(),
                quanttune.steps(),
                quanttune.batch(),
                quanttune.rate(),
                quanttune.decay(),
                quanttune.clip(),
                quanttune.seed());
    }

    private static Training training(Recipe.Training training) {
        var rates = training.rates();
        return new Training(
                training.steps(),
                training.batch(),
                training.mix(),
                Training.Distance.valueOf(upper(training.loss())),
                rates.weights(),
                rates.rounding(),
                rates.biases(),
                rates.weightScales(),
                rates.activationScales(),
                rates.affine(),
                rates.decision(),
                training.ahead(),
                training.seed(),
                rates.zeroPoints());
    }

    private static String upper(String word) {
        return word.toUpperCase(Locale.ROOT);
    }
}
