package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.ScaleMigration;
import dev.quantline.onnx.runtime.TensorBatches;
import dev.quantline.quantize.calibrate.ChannelMoves.Move;
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
 * z the scale and zero point of each channel by itself, s~ and z~ their mean or median. The search (ours) also tries the channels'
 * standard deviations instead of their ranges, so that a single outlier does not decide for its whole channel.
 */
final class MigrationSearch {
    private static final double[] STRENGTHS = {0.25, 0.5, 0.75, 1};
    /** A channel whose spread is below this share of the widest is dead: it says nothing about what the others have in common. */
    private static final double SMALLEST = 1e-8;
    /** An operation is added to the model only if it removes at least a fifth of the error. */
    private static final double WORTH_AN_OPERATION = 0.8;

    private final CalibrateSettings settings;

    /** Only the plan's own widths decide, not those of the candidates: what helps at 4 bits costs more than it gains at 8. */
    MigrationSearch(CalibrateSettings settings) {
        this.settings = settings;
    }

    /** The statistic that a channel's own scale is computed from. */
    private enum Spread {
        RANGE,
        DEVIATION
    }

    /** The common scale of a norm's output by the configured statistic; empty if its channels are unknown. */
    Optional<Move> fixed(TensorProfile seen) {
        return seen.channelMin().length < 2 ? Optional.empty() : Optional.of(choice(seen, Spread.RANGE, 1, true));
    }

    /**
     * The choice with the least error in the readers' outputs.
     *
     * @param seen  the output of a norm, whose gamma and beta absorb the change at no cost, or any other activation
     * @param norm  whether it is the output of a norm
     * @param error the readers of the activation, ready to run on its captured values
     * @return empty if leaving the activation alone is best
     */
    Optional<Move> best(
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
        Move best = null;
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

    private Move choice(TensorProfile seen, Spread spread, double alpha, boolean shifted) {
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
        return new Move(ratio, shift);
    }

    private static double deviation(double meanSquare, double mean) {
        return Math.sqrt(Math.max(0, meanSquare - mean * mean));
    }

    /** Mean or median over the live channels; dead channels then get the common scale, so that their ratio is 1. */
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

    /** Error of the readers when the activation and the weights are quantized in their migrated form. */
    private double cost(
            Graph model, String tensor, List<Node> readers, TensorBatches captured, ConsumerError error, Move choice) {
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

    private Tensor rounded(Tensor weight, Node reader, TensorProfile moved, Move choice) {
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

    static Tensor migrate(Tensor values, Move choice) {
        var x = values.toFloats();
        int channels = choice.ratio().length;
        for (int i = 0; i < x.length; i++) {
            x[i] = (x[i] + choice.shift()[i % channels]) / choice.ratio()[i % channels];
        }
        return Tensor.of(x, values.shape());
    }

    private static Tensor restore(Tensor values, Move choice) {
        var x = values.toFloats();
        int channels = choice.ratio().length;
        for (int i = 0; i < x.length; i++) {
            x[i] = x[i] * choice.ratio()[i % channels] - choice.shift()[i % channels];
        }
        return Tensor.of(x, values.shape());
    }
}
