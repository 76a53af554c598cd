package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.ScaleMigration;
import dev.quantline.onnx.runtime.TensorBatches;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Migration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * Chooses how the channels of an activation are brought to a common scale: ratio = (s / s~)^alpha and shift = s (z - z~), with s and
 * z the scale and zero point each channel would have alone, s~ and z~ their mean or median. The search (ours) also tries the
 * channels' standard deviations in place of their ranges: one outlier then does not decide for its whole channel.
 */
final class MigrationSearch {
    private static final double[] STRENGTHS = {0.25, 0.5, 0.75, 1};
    /** Channels that spread by less than this share of the widest are dead: they tell nothing of what the others have in common. */
    private static final double SMALLEST = 1e-8;
    /** An operation is added to the model only where it takes away at least a fifth of the error. */
    private static final double WORTH_AN_OPERATION = 0.8;

    private final CalibrateSettings settings;

    /** The plan's own widths decide, whatever others the table has: what serves 4 bits costs 8 more than it gives. */
    MigrationSearch(CalibrateSettings settings) {
        this.settings = settings;
    }

    /** What a channel's own scale is taken from. */
    private enum Spread {
        RANGE,
        DEVIATION
    }

    /** What every channel is divided by after it was shifted. */
    record Choice(float[] ratio, float[] shift) {}

    /** The common scale of a norm's output that the setting names; empty when its channels are not known. */
    Optional<Choice> fixed(TensorProfile seen) {
        return seen.channelMin().length < 2 ? Optional.empty() : Optional.of(choice(seen, Spread.RANGE, 1, true));
    }

    /**
     * The choice with the least error of the readers' outputs.
     *
     * @param seen  the output of a norm, whose gamma and beta take the change for nothing, or any other activation
     * @param norm  which of both
     * @param error the readers of {@code tensor}, ready to run on its captured values
     * @return empty when leaving it alone is best
     */
    Optional<Choice> best(
            Graph model,
            TensorProfile seen,
            boolean norm,
            List<Node> readers,
            TensorBatches captured,
            ConsumerError error) {
        if (seen.channelMin().length < 2) {
            return Optional.empty();
        }
        boolean free = ScaleMigration.shiftsFreely(model, readers);
        double least = cost(model, seen.tensor(), readers, captured, error, choice(seen, Spread.RANGE, 0, false))
                * (norm ? 1 : WORTH_AN_OPERATION);
        Choice best = null;
        for (boolean shifted :
                !norm ? new boolean[] {false} : free ? new boolean[] {true} : new boolean[] {false, true}) {
            double worth = shifted && !free ? WORTH_AN_OPERATION : 1;
            for (var spread : Spread.values()) {
                for (double alpha : STRENGTHS) {
                    var candidate = choice(seen, spread, alpha, shifted);
                    double cost = cost(model, seen.tensor(), readers, captured, error, candidate) / worth;
                    if (cost < least) {
                        least = cost;
                        best = candidate;
                    }
                }
            }
        }
        return Optional.ofNullable(best);
    }

    private Choice choice(TensorProfile seen, Spread spread, double alpha, boolean shifted) {
        var min = seen.channelMin();
        var max = seen.channelMax();
        int n = (1 << settings.activationBits()) - 1;
        var means = seen.channelMean();
        var squares = seen.channelMeanSquare();
        var scale = new double[min.length];
        var zero = new double[min.length];
        for (int c = 0; c < scale.length; c++) {
            scale[c] = switch (spread) {
                case RANGE -> (shifted ? (double) max[c] - min[c] : Math.max(0.0, max[c]) - Math.min(0.0, min[c])) / n;
                case DEVIATION -> deviation(squares[c], shifted ? means[c] : 0);
            };
        }
        double least = Math.max(SMALLEST * Arrays.stream(scale).max().orElseThrow(), Float.MIN_NORMAL);
        int[] alive =
                IntStream.range(0, scale.length).filter(c -> scale[c] > least).toArray();
        double commonScale = common(scale, alive, 1);
        for (int c = 0; c < scale.length; c++) {
            scale[c] = scale[c] > least ? scale[c] : commonScale;
            zero[c] = -(spread == Spread.RANGE ? min[c] : ((double) min[c] + max[c]) / 2) / scale[c];
        }
        double commonZero = Math.rint(common(zero, alive, 0));
        var ratio = new float[scale.length];
        var shift = new float[scale.length];
        for (int c = 0; c < scale.length; c++) {
            ratio[c] = (float) Math.pow(scale[c] / commonScale, alpha);
            shift[c] = shifted ? (float) (scale[c] * (zero[c] - commonZero)) : 0;
        }
        return new Choice(ratio, shift);
    }

    private static double deviation(double meanSquare, double mean) {
        return Math.sqrt(Math.max(0, meanSquare - mean * mean));
    }

    /** Mean or median over the channels that are alive; dead ones then have the common scale, and are divided by nothing. */
    private double common(double[] values, int[] alive, double none) {
        var known = Arrays.stream(alive).mapToDouble(c -> values[c]);
        return alive.length == 0
                ? none
                : settings.layernorm() == Migration.MEAN ? known.average().orElseThrow() : median(known.toArray());
    }

    private static double median(double[] sorted) {
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /** Error of the readers when activation and weights are quantized after the move and brought back. */
    private double cost(
            Graph model,
            String tensor,
            List<Node> readers,
            TensorBatches captured,
            ConsumerError error,
            Choice choice) {
        var moved = TensorProfile.of(tensor, -1, captured.all(tensor).map(values -> migrate(values, choice))::iterator);
        var grid = new RangeCriterion.Mse().choose(moved, settings.activationBits());
        var quantized = new HashMap<String, UnaryOperator<Tensor>>();
        quantized.put(tensor, values -> restore(grid.fakeQuantize(migrate(values, choice)), choice));
        for (var reader : readers) {
            var weight = rounded(model.initializers().get(reader.input(1)), reader, moved, choice);
            quantized.put(reader.input(1), original -> weight);
        }
        return error.of(quantized);
    }

    private Tensor rounded(Tensor weight, Node reader, TensorProfile moved, Choice choice) {
        boolean transposed = Operators.outputAxis(reader) == 0;
        int columns = weight.dim(1);
        var scaled = ScaleMigration.scaled(weight, reader, choice.ratio());
        Uniform grid = WeightSearch.choose(
                scaled,
                settings.weightBits(),
                transposed ? 0 : 1,
                0,
                Importance.of(reader, 1, scaled, moved),
                RangeCriterion.of(settings.calibrate().weights()));
        var rounded = grid.fakeQuantize(scaled).toFloats();
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] /= choice.ratio()[transposed ? i % columns : i / columns];
        }
        return Tensor.of(rounded, weight.shape());
    }

    static Tensor migrate(Tensor values, Choice choice) {
        var x = values.toFloats();
        int channels = choice.ratio().length;
        for (int i = 0; i < x.length; i++) {
            x[i] = (x[i] + choice.shift()[i % channels]) / choice.ratio()[i % channels];
        }
        return Tensor.of(x, values.shape());
    }

    private static Tensor restore(Tensor values, Choice choice) {
        var x = values.toFloats();
        int channels = choice.ratio().length;
        for (int i = 0; i < x.length; i++) {
            x[i] = x[i] * choice.ratio()[i % channels] - choice.shift()[i % channels];
        }
        return Tensor.of(x, values.shape());
    }
}
