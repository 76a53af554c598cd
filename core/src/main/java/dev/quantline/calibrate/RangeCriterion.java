package dev.quantline.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.profile.Histogram;
import dev.quantline.quantizer.Uniform;
import java.util.Locale;
import java.util.function.DoubleUnaryOperator;

/** How the range of an activation is chosen from its histogram. */
public sealed interface RangeCriterion {
    /** The extremes. */
    record MinMax() implements RangeCriterion {
    }

    /** Cuts {@code 1 - share} of the values, half at either end. */
    record Percentile(double share) implements RangeCriterion {
        public Percentile {
            if (!(share > 0.5) || share > 1) {
                throw new BadInput("percentile must lie above 0.5 and not above 1, not " + share);
            }
        }
    }

    /** Least mean squared error of quantization. */
    record Mse() implements RangeCriterion {
    }

    /** Least mean absolute error of quantization (RepAPQ, arXiv 2402.16121): tolerates clipping a rare outlier. */
    record Mae() implements RangeCriterion {
    }

    /**
     * Reads {@code minmax}, {@code percentile}, {@code mse} or {@code mae}.
     *
     * @throws BadInput for anything else
     */
    static RangeCriterion parse(String name) {
        return switch (name) {
            case "minmax" -> new MinMax();
            case "percentile" -> new Percentile(0.9999);
            case "mse" -> new Mse();
            case "mae" -> new Mae();
            default -> throw new BadInput("calibrate.range '" + name + "' is unknown: use minmax, percentile, mse or mae");
        };
    }

    /** The name {@link #parse} reads. */
    default String label() {
        return getClass().getSimpleName().toLowerCase(Locale.ROOT);
    }

    /** The asymmetric quantizer this criterion chooses for what a histogram saw. */
    default Uniform choose(Histogram histogram, int bits) {
        return switch (this) {
            case MinMax() -> Uniform.asymmetric(bits, histogram.min(), histogram.max());
            case Percentile(double share) -> Uniform.asymmetric(bits, histogram.quantile((1 - share) / 2),
                histogram.quantile((1 + share) / 2));
            case Mse() -> RangeSearch.shrink(histogram, bits, error -> error * error);
            case Mae() -> RangeSearch.shrink(histogram, bits, Math::abs);
        };
    }

    /** Mean cost of quantizing what a histogram saw. */
    static double error(Histogram histogram, Uniform quantizer, DoubleUnaryOperator cost) {
        return RangeSearch.error(histogram.counts(), histogram, quantizer, cost);
    }
}
