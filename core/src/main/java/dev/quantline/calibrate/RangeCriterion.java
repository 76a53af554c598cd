package dev.quantline.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.profile.Histogram;
import dev.quantline.quantizer.Uniform;
import java.util.List;
import java.util.Locale;

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

    /** Least Kullback-Leibler divergence of the quantized from the seen distribution, as TensorRT calibrates. */
    record Entropy() implements RangeCriterion {
    }

    /** Least mean squared error of quantization. */
    record Mse() implements RangeCriterion {
    }

    /** Least mean absolute error of quantization (RepAPQ, arXiv 2402.16121): tolerates clipping a rare outlier. */
    record Mae() implements RangeCriterion {
    }

    /** Whichever of the others leaves the least error in the outputs of the layers that read the activation (ours). */
    record Auto() implements RangeCriterion {
    }

    /** The criteria that Auto tries, the first wins ties. */
    List<RangeCriterion> ALL = List.of(new Mse(), new Mae(), new Entropy(), new Percentile(0.9999), new MinMax());

    /**
     * Reads {@code minmax}, {@code percentile}, {@code entropy}, {@code mse}, {@code mae} or {@code auto}.
     *
     * @throws BadInput for anything else
     */
    static RangeCriterion parse(String name) {
        return switch (name) {
            case "minmax" -> new MinMax();
            case "percentile" -> new Percentile(0.9999);
            case "entropy" -> new Entropy();
            case "mse" -> new Mse();
            case "mae" -> new Mae();
            case "auto" -> new Auto();
            default -> throw new BadInput("calibrate.range '" + name + "' is unknown: use minmax, percentile, entropy, mse, mae or auto");
        };
    }

    /** The name {@link #parse} reads. */
    default String label() {
        return getClass().getSimpleName().toLowerCase(Locale.ROOT);
    }

    /** The asymmetric quantizer this criterion chooses for what a histogram saw; Auto without layers to ask takes MSE. */
    default Uniform choose(Histogram histogram, int bits) {
        return switch (this) {
            case MinMax() -> Uniform.asymmetric(bits, histogram.min(), histogram.max());
            case Percentile(double share) -> Uniform.asymmetric(bits, histogram.quantile((1 - share) / 2),
                histogram.quantile((1 + share) / 2));
            case Entropy() -> RangeSearch.shrink(histogram, bits, RangeSearch::divergence);
            case Mse(), Auto() -> RangeSearch.shrink(histogram, bits, RangeSearch::squaredError);
            case Mae() -> RangeSearch.shrink(histogram, bits, RangeSearch::absoluteError);
        };
    }
}
