package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Recipe.Calibrate;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.util.List;
import java.util.stream.Stream;

/**
 * The calibration section of a recipe and what follows from the rest of the job.
 *
 * @param calibrate      how ranges and scales are chosen
 * @param weightBits     width of weight codes, 2 to 16
 * @param activationBits width of activation codes, 2 to 16; {@link Recipe#FLOAT} leaves activations float
 * @param exclude        names of nodes or tensors that stay float; globs are allowed
 * @param samples        number of calibration samples kept for trying quantizers, if a setting requires that
 * @param candidates     widths in the calibration table besides {@code weightBits} and {@code activationBits}
 * @param pairLimit      bound on the sum of two same-sign codes in the weights of integer products ({@link Target#pairLimit}); 0: none
 * @param spilling       how much of those samples' activations stays in memory, and where the rest goes; affects no result
 */
public record CalibrateSettings(
        Calibrate calibrate,
        int weightBits,
        int activationBits,
        List<String> exclude,
        int samples,
        List<Integer> candidates,
        int pairLimit,
        Spilling spilling) {
    /** Default number of samples kept. */
    public static final int SAMPLES = 32;

    public CalibrateSettings {
        exclude = List.copyOf(exclude);
        candidates = List.copyOf(candidates);
    }

    /** The settings of a recipe, for a target with this limit on pairs of weight codes. */
    public CalibrateSettings(Recipe recipe, int pairLimit, Spilling spilling) {
        this(
                recipe.calibrate(),
                recipe.weightBits(),
                recipe.activationBits(),
                recipe.exclude(),
                SAMPLES,
                recipe.candidates(),
                pairLimit,
                spilling);
    }

    /**
     * Settings without candidate widths, suitable for every processor.
     *
     * @param stated what differs from the defaults, as {@link Json#part} reads it
     */
    public static CalibrateSettings of(String stated, int weightBits, int activationBits, List<String> exclude) {
        return new CalibrateSettings(
                Json.part(Calibrate.class, stated),
                weightBits,
                activationBits,
                exclude,
                SAMPLES,
                List.of(),
                Target.CPU.pairLimit(activationBits),
                Spilling.usual());
    }

    /** The same with these candidate widths, 2 to 16. */
    public CalibrateSettings withCandidates(List<Integer> widths) {
        return new CalibrateSettings(
                calibrate, weightBits, activationBits, exclude, samples, widths, pairLimit, spilling);
    }

    /** The same with another limit on pairs. */
    public CalibrateSettings withPairLimit(int limit) {
        return new CalibrateSettings(
                calibrate, weightBits, activationBits, exclude, samples, candidates, limit, spilling);
    }

    /** The same with activations kept by {@code other}. */
    public CalibrateSettings with(Spilling other) {
        return new CalibrateSettings(
                calibrate, weightBits, activationBits, exclude, samples, candidates, pairLimit, other);
    }

    /** Plain settings: uniform grids, weight scales from the largest magnitude, no rewriting. */
    public static CalibrateSettings plain(
            ActivationRange range, int weightBits, int activationBits, List<String> exclude) {
        return of("{range: '" + range.word() + "', layernorm: 'off'}", weightBits, activationBits, exclude);
    }

    /** 8 bits everywhere, ranges by least squared error. */
    public static CalibrateSettings int8() {
        return plain(ActivationRange.MSE, 8, 8, List.of());
    }

    /** Settings for widths below 8 bits, with every search on. */
    public static CalibrateSettings searched(int weightBits, int activationBits, List<String> exclude) {
        var stated = "{range: 'auto', weights: 'auto', softmax: 'auto', layernorm: 'search'}";
        return of(stated, weightBits, activationBits, exclude);
    }

    /** Criterion for activation ranges; {@link RangeCriterion.Auto} tries all of them. */
    RangeCriterion range() {
        return RangeCriterion.of(calibrate.range());
    }

    /** Quantizer for outputs of Softmax. */
    SoftmaxQuantizer softmax() {
        return calibrate.softmax();
    }

    /** How the channel spread of normalisation outputs is moved into the layers that read them. */
    Migration layernorm() {
        return calibrate.layernorm();
    }

    /** Every width in the calibration table, narrowest first; {@code own} is the plan's own width. */
    List<Integer> widths(int own) {
        return Stream.concat(Stream.of(own), candidates.stream())
                .distinct()
                .sorted()
                .toList();
    }

    boolean quantizesActivations() {
        return activationBits != Recipe.FLOAT;
    }

    /** Whether quantizers are tried on the layers that read an activation, which requires all inputs of those layers. */
    boolean measuresReaders() {
        return quantizesActivations()
                && (calibrate.range() == ActivationRange.AUTO || softmax() != SoftmaxQuantizer.UNIFORM);
    }

    /** Whether activations of some samples are required. */
    public boolean needsSamples() {
        return calibrate.weights() == WeightRange.AUTO
                || measuresReaders()
                || quantizesActivations() && layernorm() != Migration.OFF;
    }
}
