package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.plan.Target;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Settings of calibration.
 *
 * @param range          criterion for activation ranges; {@link RangeCriterion.Auto} tries all
 * @param weightRange    criterion for weight scales
 * @param softmax        quantizer behind Softmax
 * @param layernorm      how the channel spread of norm outputs is moved into the layers that read them
 * @param weightBits     width of weight codes, 2 to 16
 * @param activationBits width of activation codes, 2 to 16; {@link #FLOAT} leaves them float
 * @param exclude        names of nodes or tensors that stay float, globs allowed
 * @param samples        calibration samples kept to try quantizers on, where a setting asks for that
 * @param granularity    how many elements of a weight share a scale
 * @param candidates     widths the calibration table has for every place, besides {@code weightBits} and {@code activationBits}
 * @param pairLimit      what two codes of one sign of an integer product's weights may add up to ({@link Target#pairLimit}); 0 for any
 * @param spilling       how much of those samples' activations stays in memory, and where the rest goes; changes no result
 */
public record CalibrateSettings(
        RangeCriterion range,
        WeightRange weightRange,
        SoftmaxQuantizer softmax,
        Migration layernorm,
        int weightBits,
        int activationBits,
        List<String> exclude,
        int samples,
        Granularity granularity,
        List<Integer> candidates,
        int pairLimit,
        Spilling spilling) {
    /** Width of activations that stay float. */
    public static final int FLOAT = 32;
    /** Samples kept by default. */
    public static final int SAMPLES = 32;

    /** What the scale of a weight channel is chosen by. */
    public enum WeightRange {
        MAX(new RangeCriterion.MinMax()),
        PERCENTILE(new RangeCriterion.Percentile(0.999)),
        ENTROPY(new RangeCriterion.Entropy()),
        MSE(new RangeCriterion.Mse()),
        MAE(new RangeCriterion.Mae()),
        /** The error of the layer's output where the layer is linear and gets no blocks; MSE elsewhere. */
        AUTO(new RangeCriterion.Auto());

        private final RangeCriterion criterion;

        WeightRange(RangeCriterion criterion) {
            this.criterion = criterion;
        }

        RangeCriterion criterion() {
            return criterion;
        }
    }

    /** The quantizer of post-softmax activations; AUTO takes whichever hurts the product that reads it least. */
    public enum SoftmaxQuantizer {
        UNIFORM,
        LOG2,
        LOGSQRT2,
        TAN,
        AUTO
    }

    /**
     * Common scale that channels are brought to behind a norm: none, their mean (RepQ-ViT, arXiv 2212.08254), their median
     * (MOSF, arXiv 2408.03291), or the median with a strength searched on the readers' output error (ours). The search also serves
     * other activations that only linear layers read, where one multiplication more takes a fifth of the error away.
     */
    public enum Migration {
        OFF,
        MEAN,
        MEDIAN,
        SEARCH
    }

    public CalibrateSettings {
        if (weightBits < 2 || weightBits > 16 || activationBits < 2 || activationBits > 16 && activationBits != FLOAT) {
            throw new BadInput(
                    "weights and activations need 2 to 16 bits, not " + weightBits + " and " + activationBits);
        }
        if (samples < 1) {
            throw new BadInput("calibrate.samples must be at least 1, not " + samples);
        }
        exclude = List.copyOf(exclude);
        candidates = List.copyOf(candidates);
    }

    /** One scale for each output channel of weights, no other widths, for every processor. */
    public CalibrateSettings(
            RangeCriterion range,
            WeightRange weightRange,
            SoftmaxQuantizer softmax,
            Migration layernorm,
            int weightBits,
            int activationBits,
            List<String> exclude,
            int samples) {
        this(
                range,
                weightRange,
                softmax,
                layernorm,
                weightBits,
                activationBits,
                exclude,
                samples,
                new Granularity.PerChannel(),
                List.of(),
                Target.CPU.pairLimit(activationBits),
                Spilling.usual());
    }

    /** The same with weights of another granularity. */
    public CalibrateSettings with(Granularity other) {
        return new CalibrateSettings(
                range,
                weightRange,
                softmax,
                layernorm,
                weightBits,
                activationBits,
                exclude,
                samples,
                other,
                candidates,
                pairLimit,
                spilling);
    }

    /** The same with these candidate widths, 2 to 16. */
    public CalibrateSettings withCandidates(List<Integer> widths) {
        return new CalibrateSettings(
                range,
                weightRange,
                softmax,
                layernorm,
                weightBits,
                activationBits,
                exclude,
                samples,
                granularity,
                widths,
                pairLimit,
                spilling);
    }

    /** The same with another limit of pairs. */
    public CalibrateSettings withPairLimit(int limit) {
        return new CalibrateSettings(
                range,
                weightRange,
                softmax,
                layernorm,
                weightBits,
                activationBits,
                exclude,
                samples,
                granularity,
                candidates,
                limit,
                spilling);
    }

    /** The same with activations kept as this says. */
    public CalibrateSettings with(Spilling other) {
        return new CalibrateSettings(
                range,
                weightRange,
                softmax,
                layernorm,
                weightBits,
                activationBits,
                exclude,
                samples,
                granularity,
                candidates,
                pairLimit,
                other);
    }

    /** Plain settings: uniform grids, weights by their largest magnitude, no rewriting. */
    public static CalibrateSettings plain(
            RangeCriterion range, int weightBits, int activationBits, List<String> exclude) {
        return new CalibrateSettings(
                range,
                WeightRange.MAX,
                SoftmaxQuantizer.UNIFORM,
                Migration.OFF,
                weightBits,
                activationBits,
                exclude,
                SAMPLES);
    }

    /** 8 bits everywhere, ranges by least squared error. */
    public static CalibrateSettings int8() {
        return plain(new RangeCriterion.Mse(), 8, 8, List.of());
    }

    /** Everything searched, for widths below 8 bits. */
    public static CalibrateSettings searched(int weightBits, int activationBits, List<String> exclude) {
        return new CalibrateSettings(
                new RangeCriterion.Auto(),
                WeightRange.AUTO,
                SoftmaxQuantizer.AUTO,
                Migration.SEARCH,
                weightBits,
                activationBits,
                exclude,
                SAMPLES);
    }

    /** Every width of the calibration table, the narrowest first; {@code own} is the one of the plan. */
    List<Integer> widths(int own) {
        return Stream.concat(Stream.of(own), candidates.stream())
                .distinct()
                .sorted()
                .toList();
    }

    /** Whether activations are quantized at all. */
    boolean quantizesActivations() {
        return activationBits != FLOAT;
    }

    /** Whether quantizers are tried on the layers that read an activation, which takes all that those layers read. */
    boolean measuresReaders() {
        return quantizesActivations() && (range instanceof RangeCriterion.Auto || softmax != SoftmaxQuantizer.UNIFORM);
    }

    /** Whether activations of some samples are needed. */
    boolean needsSamples() {
        return weightRange == WeightRange.AUTO
                || measuresReaders()
                || quantizesActivations() && layernorm != Migration.OFF;
    }

    /** Parses a lower-case setting of an enum. @throws BadInput naming the field and the values it takes */
    public static <E extends Enum<E>> E parse(Class<E> type, String field, String value) {
        for (E constant : type.getEnumConstants()) {
            if (constant.name().equalsIgnoreCase(value)) {
                return constant;
            }
        }
        throw new BadInput(field + " '" + value + "' is unknown: "
                + ClosestName.hint(
                        value,
                        Stream.of(type.getEnumConstants())
                                .map(constant -> constant.name().toLowerCase(Locale.ROOT))
                                .toList()));
    }
}
