package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.profile.Histogram;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.WeightRange;
import java.util.List;
import java.util.Locale;

/** How a range is chosen: for an activation from its profile, for a channel or block of a weight from its elements. */
public sealed interface RangeCriterion {
    /** The minimum and the maximum. */
    record MinMax() implements RangeCriterion {}

    /** The moving average of the samples' extremes: later samples count more, and a single sample counts little. */
    record MovingAverage() implements RangeCriterion {}

    /** Cuts off {@code 1 - share} of the values, half at either end. */
    record Percentile(double share) implements RangeCriterion {
        public Percentile {
            if (!(share > 0.5) || share > 1) {
                throw new BadInput("percentile must be above 0.5 and at most 1, not " + share);
            }
        }
    }

    /** Least Kullback-Leibler divergence of the quantized from the observed distribution, as in TensorRT's calibration. */
    record Entropy() implements RangeCriterion {}

    /** Least mean squared error of quantization. */
    record Mse() implements RangeCriterion {}

    /** Least mean absolute error of quantization (RepAPQ, arXiv 2402.16121): tolerates clipping a rare outlier. */
    record Mae() implements RangeCriterion {}

    /** Whichever of the others leaves the least error in the outputs of the layers that read the activation (ours). */
    record Auto() implements RangeCriterion {}

    /** The criteria that Auto tries; the first one wins ties. */
    List<RangeCriterion> ALL =
            List.of(new Mse(), new Mae(), new Entropy(), new Percentile(0.9999), new MovingAverage(), new MinMax());

    /** The criterion for activations. */
    static RangeCriterion of(ActivationRange range) {
        return switch (range) {
            case MINMAX -> new MinMax();
            case MOVINGAVERAGE -> new MovingAverage();
            case PERCENTILE -> new Percentile(0.9999);
            case ENTROPY -> new Entropy();
            case MSE -> new Mse();
            case MAE -> new Mae();
            case AUTO -> new Auto();
        };
    }

    /** The criterion for weights. */
    static RangeCriterion of(WeightRange range) {
        return switch (range) {
            case MAX -> new MinMax();
            case PERCENTILE -> new Percentile(0.999);
            default -> of(ActivationRange.valueOf(range.name()));
        };
    }

    /** Its name in recipes and tables. */
    default String label() {
        return getClass().getSimpleName().toLowerCase(Locale.ROOT);
    }

    /** The asymmetric quantizer that this criterion chooses for an activation; Auto without readers to measure behaves as MSE. */
    default Uniform choose(TensorProfile seen, int bits) {
        var histogram = seen.histogram();
        return switch (this) {
            case MinMax() -> Uniform.asymmetric(bits, histogram.min(), histogram.max());
            case MovingAverage() -> Uniform.asymmetric(bits, seen.averageMin(), seen.averageMax());
            case Percentile(double share) ->
                Uniform.asymmetric(bits, histogram.quantile((1 - share) / 2), histogram.quantile((1 + share) / 2));
            case Entropy() -> RangeSearch.asymmetric(new Bins(histogram), bits, Bins::divergence);
            case Mse(), Auto() -> RangeSearch.asymmetric(new Bins(histogram), bits, RangeSearch.SQUARED);
            case Mae() -> RangeSearch.asymmetric(new Bins(histogram), bits, RangeSearch.ABSOLUTE);
        };
    }

    /**
     * The magnitude that the symmetric grid of a channel or block of a weight should reach. A constant has no sequence of
     * samples to average over, so MovingAverage takes the largest; Auto behaves as MSE.
     *
     * @param importance weight of each element's error; null: all count equally. Only MSE and MAE use it
     */
    default double largest(float[] values, float[] importance, int bits) {
        return switch (this) {
            case MinMax(), MovingAverage() ->
                Math.max(
                        -Elements.of(values, null).min(),
                        Elements.of(values, null).max());
            case Percentile(double share) -> magnitudes(values).quantile(share);
            case Entropy() -> RangeSearch.symmetric(new Bins(magnitudes(values)), bits, Bins::divergence);
            case Mse(), Auto() -> RangeSearch.symmetric(Elements.of(values, importance), bits, RangeSearch.SQUARED);
            case Mae() -> RangeSearch.symmetric(Elements.of(values, importance), bits, RangeSearch.ABSOLUTE);
        };
    }

    private static Histogram magnitudes(float[] values) {
        var magnitudes = new float[values.length];
        float largest = 0;
        for (int i = 0; i < values.length; i++) {
            magnitudes[i] = Math.abs(values[i]);
            largest = Math.max(largest, magnitudes[i]);
        }
        var histogram = new Histogram();
        histogram.add(magnitudes, magnitudes.length, 0, largest);
        return histogram;
    }
}
