package dev.quantline.pipeline.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.quantize.settings.Granularity;
import dev.quantline.quantize.settings.Order;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.settings.WeightRange;
import dev.quantline.quantize.settings.Whole;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds settings in a request that have no effect because of other settings. Values from a preset do not count. */
final class Effectless {
    private static final Set<String> LOGITS = Set.of("top1", "top5", "perplexity");

    /** A setting, the condition under which it has no effect, and the reason. */
    private record Rule(String path, Predicate<JobRequest> unused, String reason) {
        String pointer() {
            return "/" + path.replace('.', '/');
        }
    }

    private static final Predicate<JobRequest> FLOAT_ACTIVATIONS =
            job -> job.recipe().activationBits() == Recipe.FLOAT;
    private static final Predicate<JobRequest> NO_PIECES_TRAINED =
            job -> tune(job).layers() == TuningMethod.OFF;
    private static final Predicate<JobRequest> NO_WHOLE =
            job -> tune(job).whole() == Whole.OFF || tune(job).whole() == Whole.LOGITS && !LOGITS.contains(metric(job));
    private static final Predicate<JobRequest> NOTHING_TRAINED = NO_PIECES_TRAINED.and(NO_WHOLE);
    private static final Predicate<JobRequest> NO_PIECES =
            NO_PIECES_TRAINED.and(job -> tune(job).rounding() == Rounding.NEAREST);
    private static final Predicate<JobRequest> NO_TEXT = job -> !metric(job).equals("perplexity");
    private static final Predicate<JobRequest> LEARNS_ROUNDING =
            job -> tune(job).layers() == TuningMethod.ADAROUND;
    private static final String ACTIVATIONS = "activationBits is 32, so activations stay float";
    private static final String TRAINED = "tune.layers is off and the whole network is not trained, so nothing is";

    private static final List<Rule> RULES = List.of(
            new Rule(
                    "calibrate.block",
                    job -> job.recipe().calibrate().granularity() != Granularity.BLOCK,
                    "calibrate.granularity is not block"),
            new Rule("calibrate.range", FLOAT_ACTIVATIONS, ACTIVATIONS),
            new Rule("calibrate.softmax", FLOAT_ACTIVATIONS, ACTIVATIONS),
            new Rule(
                    "calibrate.layernorm",
                    FLOAT_ACTIVATIONS.and(job -> job.recipe().calibrate().weights() != WeightRange.AUTO),
                    ACTIVATIONS),
            new Rule("allocate.activations", FLOAT_ACTIVATIONS, ACTIVATIONS),
            new Rule("tune.order", NO_PIECES, "pieces are neither rounded nor trained in order"),
            new Rule(
                    "tune.sweeps",
                    NO_PIECES_TRAINED.or(job -> tune(job).order() != Order.ROUNDED),
                    "no pieces are trained in the order 'rounded'"),
            new Rule(
                    "tune.blocks",
                    NO_PIECES.or(job ->
                            tune(job).layers() != TuningMethod.OFF && tune(job).layers() != TuningMethod.RECONSTRUCT),
                    "tuning does not use blocks"),
            new Rule("tune.affine", NO_PIECES_TRAINED, "tune.layers is off"),
            new Rule("tune.whole", NO_WHOLE, "the metric does not read logits"),
            new Rule("tune.write", NO_TEXT, "only a language model with metric perplexity writes text"),
            new Rule("tune.minutes", NOTHING_TRAINED, TRAINED),
            new Rule(
                    "tune.quanttune.k",
                    job -> tune(job)
                            .quanttune()
                            .filter(knobs -> knobs.lambda() == 0)
                            .isPresent(),
                    "lambda is 0"),
            new Rule("tune.training.steps", NOTHING_TRAINED, TRAINED),
            new Rule(
                    "tune.training.steps",
                    NOTHING_TRAINED.negate().and(job -> tune(job).minutes().isPresent()),
                    "tune.minutes says how long training takes"),
            new Rule("tune.training.batch", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.mix", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.loss", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.seed", NOTHING_TRAINED.and(NO_TEXT), TRAINED),
            new Rule(
                    "tune.training.ahead",
                    job -> tune(job).layers() != TuningMethod.RECONSTRUCT,
                    "tune.layers is not reconstruct"),
            new Rule("tune.training.rates.weights", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.rates.biases", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.rates.weightScales", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.rates.activationScales", NOTHING_TRAINED, TRAINED),
            new Rule("tune.training.rates.zeroPoints", NO_PIECES_TRAINED, "tune.layers is off"),
            new Rule(
                    "tune.training.rates.affine",
                    job -> !tune(job).affine() || NO_PIECES_TRAINED.test(job),
                    "factors are not trained"),
            new Rule("tune.training.rates.rounding", LEARNS_ROUNDING.negate(), "tune.layers is not adaround"),
            new Rule("tune.training.rates.decision", LEARNS_ROUNDING.negate(), "tune.layers is not adaround"));

    private Effectless() {}

    /**
     * Notes about settings that have no effect, and about a goal that is easily misunderstood.
     *
     * @param stated the recipe as it was stated
     * @param job    what became of it
     */
    static List<String> notes(JsonNode stated, JobRequest job) {
        var unused = RULES.stream()
                .filter(rule -> asks(stated.at(rule.pointer())) && rule.unused().test(job))
                .map(rule -> "recipe." + rule.path() + " has no effect: " + rule.reason());
        var goal = stated.has("goal") && job.evaluation().isEmpty()
                ? Stream.of(
                        "recipe.goal.drop bounds 1 - cosine to the float model's outputs: no evaluation data and metric are given")
                : Stream.<String>empty();
        return Stream.concat(unused, goal).collect(Collectors.toList());
    }

    /** Whether the setting asks for something: switching off what is already off does not. */
    private static boolean asks(JsonNode value) {
        return !(value.isMissingNode()
                || value.isBoolean() && !value.booleanValue()
                || value.asText().equals("off")
                || value.isArray() && value.isEmpty()
                || value.isNumber() && value.asDouble() == 0);
    }

    private static Recipe.Tune tune(JobRequest job) {
        return job.recipe().tune();
    }

    private static String metric(JobRequest job) {
        return job.evaluation().map(JobRequest.Evaluation::metric).orElse("fidelity");
    }
}
