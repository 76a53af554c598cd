package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.PairLimit;
import dev.quantline.quantize.quantizer.Uniform;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Rounds the weights of linear layers and convolutions input by input, each time moving the weights not yet rounded to compensate
 * for the errors so far (GPTQ, arXiv 2210.17323, in the form of LDLQ, arXiv 2307.13304):
 *
 * <pre>
 *   H = X^T X + lambda mean(diag) I = (U + I) D (U + I)^T, U strictly upper triangular
 *   q_k = round(w_k + sum_{j&lt;k} (w_j - q_j) U_jk)
 * </pre>
 *
 * Inputs with the most energy come first: their errors cost the most, and all later inputs can compensate for them.
 */
final class Gptq {
    /** lambda: damping, because correlations estimated from finitely many samples cannot be trusted beyond it. */
    private static final double DAMPING = 0.01;

    private static final double SCARCITY = 0.5;
    /** Factors of a channel's scale, where it may change; the first is tried first and kept unless another one is better. */
    private static final float[] SCALES = {1, 0.9f, 0.8f, 0.7f, 0.6f, 1.1f, 1.2f};

    /** Channels rounded with one pass over the feedback, which for a wide layer is larger than a processor's cache. */
    private static final int TOGETHER = 8;

    private final LayerWeight weight;
    private final Uniform quantizer;
    private final int[] scale;
    private final FloatBuffer exact;
    private final Tensor rounded;
    private final FloatBuffer values;
    private final float[] scales;
    private final float[] factors;

    private Gptq(LayerWeight weight, Uniform quantizer, float[] factors) {
        this.weight = weight;
        this.quantizer = quantizer;
        this.factors = factors;
        scale = quantizer.scaleIndex(weight.tensor().shape());
        exact = weight.tensor().floats();
        rounded = Tensor.zeros(DataType.FLOAT, weight.tensor().shape());
        values = rounded.floats().put(0, exact, 0, exact.limit());
        scales = quantizer.scale().clone();
    }

    /** A quantizer and a weight whose elements stay as near to their targets as the intervals that round to their codes allow. */
    record Rounded(Tensor values, Uniform quantizer) {}

    /** The model with every weight rounded whose input products are known; shared weights stay as they are. */
    static Graph apply(Graph model, QuantizationPlan plan, InputGram gram, Progress progress) {
        var index = model.index();
        var changed = model.copy();
        int done = 0;
        for (var planned : plan.weights()) {
            progress.report((double) done++ / plan.weights().size(), "rounding weights");
            var node = model.node(planned.node()).orElseThrow();
            var product = gram.of(model, node);
            if (takes(planned, index) && product.isPresent()) {
                var layer = LayerWeight.of(model, node).orElseThrow();
                changed.initializers()
                        .put(
                                planned.tensor(),
                                of(layer, planned.quantizer(), product.get()).values());
            }
        }
        return changed;
    }

    /** Whether a weight is multiplied by one layer alone: no rounding of a shared weight suits all its readers. */
    static boolean takes(QuantizationPlan.Weight weight, GraphIndex index) {
        return weight.input() == 1 && index.consumers(weight.tensor()).size() == 1;
    }

    /** Rounds the weight of one layer with its current scales. */
    static Rounded of(LayerWeight weight, Uniform quantizer, InputGram.Product product) {
        return of(weight, quantizer, product, new float[] {1}, DAMPING);
    }

    /**
     * Rounds the weight of one layer, giving each channel the scale, from a few around its own, that leaves its output the
     * least error.
     *
     * @param scarcity inputs of the layer divided by the rows seen: correlations in few rows are chance
     */
    static Rounded withScales(LayerWeight weight, Uniform quantizer, InputGram.Product product, double scarcity) {
        boolean perChannel = quantizer.block() == 0
                && quantizer.axis() == weight.axis()
                && quantizer.scale().length == weight.outputs();
        return of(weight, quantizer, product, perChannel ? SCALES : new float[] {1}, DAMPING + SCARCITY * scarcity);
    }

    private static Rounded of(
            LayerWeight weight, Uniform quantizer, InputGram.Product product, float[] factors, double damping) {
        var rounding = new Gptq(weight, quantizer, factors);
        for (int group = 0; group < product.groups(); group++) {
            rounding.round(group, product, damping);
        }
        weight.tensor().unload();
        return new Rounded(rounding.rounded, quantizer.withScale(rounding.scales));
    }

    private void round(int group, InputGram.Product product, double damping) {
        int d = product.inputs();
        int from = group * d * d;
        var order = IntStream.range(0, d)
                .boxed()
                .sorted(Comparator.comparingDouble(
                        (Integer i) -> -product.sums().get(from + i * d + i)))
                .mapToInt(Integer::intValue)
                .toArray();
        var feedback = feedback(product.sums(), from, order, damping);
        int outputs = weight.outputs() / product.groups();
        IntStream.range(0, Math.ceilDiv(outputs, TOGETHER)).parallel().forEach(some -> {
            var channels = IntStream.range(some * TOGETHER, Math.min(outputs, (some + 1) * TOGETHER))
                    .mapToObj(output -> new Channel(group * outputs + output, order))
                    .toList();
            for (float factor : factors) {
                channels.forEach(channel -> channel.begin(factor));
                for (int k = 0; k < d; k++) {
                    for (var channel : channels) {
                        channel.round(k, feedback);
                    }
                }
                channels.forEach(Channel::keepIfBetter);
            }
        });
    }

    /** One output channel, whose weights are rounded with its scales times one factor after the other. */
    private final class Channel {
        private final int output;
        private final int[] order;
        private final double[] moved;
        private final float[] found;
        /** The squared error of the channel's output with the factor: sum of D_k (target_k - q_k)^2. */
        private double sum;

        private double least = Double.POSITIVE_INFINITY;
        private float factor;
        private Optional<PairLimit> limit = Optional.empty();

        Channel(int output, int[] order) {
            this.output = output;
            this.order = order;
            moved = new double[order.length];
            found = new float[order.length];
        }

        void begin(float next) {
            factor = next;
            sum = 0;
            Arrays.fill(moved, 0);
            limit = pairLimit();
        }

        /** Rounds the k-th weight, unless another factor has a smaller error already. */
        void round(int k, float[] feedback) {
            if (!(sum < least)) {
                return;
            }
            int d = order.length;
            int at = weight.at(output, order[k]);
            int c = scale[at];
            float s = quantizer.scale()[c] * factor;
            float wanted = (float) (exact.get(at) + moved[k]);
            float nearest = WeightSteps.clamp(quantizer, (float) Math.rint(wanted / s), c);
            float code = limit.isPresent() ? limit.get().bound(k, (long) nearest) : nearest;
            found[k] = (code == nearest ? WeightSteps.held(quantizer, wanted / s, c) : code) * s;
            double error = exact.get(at) - code * s;
            sum += feedback[k * d + k] * Math.pow(wanted - code * s, 2);
            for (int j = k + 1; j < d; j++) {
                moved[j] += error * feedback[k * d + j];
            }
        }

        void keepIfBetter() {
            if (sum < least) {
                least = sum;
                for (int k = 0; k < order.length; k++) {
                    int at = weight.at(output, order[k]);
                    values.put(at, found[k]);
                    scales[scale[at]] = quantizer.scale()[scale[at]] * factor;
                }
            }
        }

        /** The limits that keep every pair of the channel's codes, as rounded to nearest, within the grid's limit. */
        private Optional<PairLimit> pairLimit() {
            return quantizer.pairLimit() == 0
                    ? Optional.empty()
                    : Optional.of(PairLimit.of(
                            quantizer.pairLimit(),
                            Arrays.stream(order)
                                    .map(i -> weight.at(output, i))
                                    .mapToLong(at -> (long) WeightSteps.clamp(
                                            quantizer,
                                            (float) Math.rint(
                                                    exact.get(at) / (quantizer.scale()[scale[at]] * factor)),
                                            scale[at]))
                                    .toArray()));
        }
    }

    /** U, whose row j says which weights an error there moves, with D on the diagonal, from the Cholesky factor of H in reversed order. */
    private static float[] feedback(DoubleBuffer sums, int from, int[] order, double damping) {
        int d = order.length;
        var feedback = new float[d * d];
        try (var factor = Cholesky.of(
                d, (row, column) -> sums.get(from + order[d - 1 - column] * d + order[d - 1 - row]), damping)) {
            for (int k = 0; k < d; k++) {
                int column = d - 1 - k;
                double root = factor.at(column, column);
                feedback[k * d + k] = (float) (root * root);
                for (int j = 0; j < k; j++) {
                    feedback[j * d + k] = (float) (factor.at(d - 1 - j, column) / root);
                }
            }
        }
        return feedback;
    }
}
