package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.ComputedParameter;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.Trainables.Kind;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A weight and its scales. With start values W and s0 the layer computes with g s q, where s = s0 r and
 *
 * <pre>
 *   q = clip(round((W + s0 V) / s))                    weights are shifted
 *   q = clip(floor(W / s0) + h(V)), r = 1              rounding is learned
 *   h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)
 * </pre>
 *
 * Trained are V from 0 (from what makes h the fraction of W / s0), r from 1 and g from 1. Rounding passes the gradient
 * straight through inside the range; for r it is that of LSQ (arXiv 1902.08153).
 */
final class TrainedWeightQuantizer implements TrainedPart, ComputedParameter {
    /** h reaches beyond 0 and 1 by this much, so that it can settle there. */
    private static final float STRETCH = 0.1f;
    /** A folded weight keeps this distance from where its code would change. */
    private static final float MARGIN = 0.498f;
    /** Added and taken away again it leaves the nearest whole number, half to even, of any code; in vectors, other than Math.rint. */
    private static final float WHOLE = 0x1.8p23f;

    private final QuantizationPlan.Weight place;
    private final Uniform quantizer;
    private final Trainables trained;
    private final RoundingRegularizer regularizer;
    private final long[] shape;
    private final float[] start;
    private final ScaleRuns runs;
    /** Steps from the zero point that the lowest and the highest code are at, one a scale; one an element where pairs are limited. */
    private final float[] least;

    private final float[] most;
    private final Map<String, Kind> parameters = new LinkedHashMap<>();
    private String restored;
    private String shift;
    private String factor;
    private String gain;

    /** @param regularizer how learned rounding is driven to a decision */
    TrainedWeightQuantizer(
            QuantizationPlan.Weight place, Tensor start, Trainables trained, RoundingRegularizer regularizer) {
        this.place = place;
        this.trained = trained;
        this.regularizer = regularizer;
        this.start = start.toFloats();
        quantizer = place.quantizer();
        shape = start.shape();
        runs = ScaleRuns.of(quantizer.scaleIndex(shape));
        var reaches = quantizer.pairLimit() > 0 ? quantizer.reaches(start) : new float[2][quantizer.scale().length];
        least = reaches[0];
        most = reaches[1];
        for (int c = 0; quantizer.pairLimit() == 0 && c < least.length; c++) {
            least[c] = quantizer.qmin() - quantizer.zeroPoint()[c];
            most[c] = quantizer.qmax() - quantizer.zeroPoint()[c];
        }
    }

    @Override
    public void write(Graph graph) {
        String name = place.tensor();
        restored = graph.addConstant(name + "/restored", Tensor.zeros(DataType.FLOAT, shape));
        graph.nodes()
                .replaceAll(node -> node.name().equals(place.node()) ? node.withInput(place.input(), restored) : node);
        if (trained.weights() == Weights.SHIFTED) {
            shift = parameter(graph, name + "/shift", Tensor.zeros(DataType.FLOAT, shape), Kind.WEIGHT);
        } else if (trained.weights() == Weights.ROUNDED) {
            shift = parameter(graph, name + "/rounding", Tensor.of(open(), shape), Kind.ROUNDING);
        }
        if (trained.weightScales() && trained.weights() != Weights.ROUNDED) {
            factor = parameter(graph, name + "/factor", ones(), Kind.WEIGHT_SCALE);
        }
        if (trained.affine()) {
            gain = parameter(graph, name + "/gain", ones(), Kind.AFFINE);
        }
    }

    private String parameter(Graph graph, String name, Tensor value, Kind kind) {
        String tensor = graph.addConstant(name, value);
        parameters.put(tensor, kind);
        return tensor;
    }

    private Tensor ones() {
        var ones = new float[quantizer.scale().length];
        Arrays.fill(ones, 1);
        return Tensor.vector(ones);
    }

    /** V for which h is the fraction of W / s0: the start computes with the float weights. */
    private float[] open() {
        var open = new float[start.length];
        for (int run = 0; run < runs.count(); run++) {
            for (int i = 0; i < runs.size(run); i++) {
                float exact = start[runs.from(run) + i] / quantizer.scale()[runs.scale(run, i)];
                double h = (exact - Math.floor(exact) + STRETCH) / (1 + 2 * STRETCH);
                open[runs.from(run) + i] = (float) -Math.log(1 / h - 1);
            }
        }
        return open;
    }

    @Override
    public Map<String, Kind> parameters() {
        return parameters;
    }

    @Override
    public String tensor() {
        return restored;
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    @Override
    public List<String> sources() {
        return List.copyOf(parameters.keySet());
    }

    private float[] scales(Map<String, Tensor> values) {
        return times(quantizer.scale(), factor, values);
    }

    private static float[] times(float[] scales, String tensor, Map<String, Tensor> values) {
        var product = scales.clone();
        if (tensor != null) {
            var factors = values.get(tensor).toFloats();
            for (int c = 0; c < product.length; c++) {
                product[c] *= Math.max(factors[c], TrainedActivationQuantizer.LEAST);
            }
        }
        return product;
    }

    /** Of every element, run by run: what training computes with, in arrays that stay in the cache. */
    private final class Sweep {
        private final float[] scales;
        private final float[] restoring;
        private final FloatBuffer moves;
        private final float[] unit = new float[ScaleRuns.LONGEST];
        private final float[] scale = new float[ScaleRuns.LONGEST];
        private final float[] lowest = new float[ScaleRuns.LONGEST];
        private final float[] highest = new float[ScaleRuns.LONGEST];
        /** V. */
        private final float[] move = new float[ScaleRuns.LONGEST];
        /** Steps from the zero point before they are rounded and clipped. */
        private final float[] exact = new float[ScaleRuns.LONGEST];
        /** The same within the range of the codes. */
        private final float[] kept = new float[ScaleRuns.LONGEST];

        Sweep(Map<String, Tensor> values) {
            scales = scales(values);
            restoring = times(scales, gain, values);
            moves = shift == null ? null : values.get(shift).floats();
        }

        void to(int run) {
            int from = runs.from(run);
            int size = runs.size(run);
            runs.spread(run, quantizer.scale(), unit);
            runs.spread(run, scales, scale);
            if (quantizer.pairLimit() > 0) {
                System.arraycopy(least, from, lowest, 0, size);
                System.arraycopy(most, from, highest, 0, size);
            } else {
                runs.spread(run, least, lowest);
                runs.spread(run, most, highest);
            }
            if (moves != null) {
                moves.get(from, move, 0, size);
            }
            if (trained.weights() == Weights.ROUNDED) {
                for (int i = 0; i < size; i++) {
                    exact[i] = (float) Math.floor(start[from + i] / unit[i]) + h(move[i]);
                }
            } else {
                for (int i = 0; i < size; i++) {
                    exact[i] = (start[from + i] + unit[i] * move[i]) / scale[i];
                }
            }
            for (int i = 0; i < size; i++) {
                kept[i] = Math.max(lowest[i], Math.min(highest[i], exact[i]));
            }
        }

        /** Codes as steps from the zero point; learned rounding lies between two as long as it is undecided. */
        void codes(int run, float[] codes) {
            if (trained.weights() == Weights.ROUNDED) {
                System.arraycopy(kept, 0, codes, 0, runs.size(run));
            } else {
                for (int i = 0; i < runs.size(run); i++) {
                    codes[i] = kept[i] + WHOLE - WHOLE;
                }
            }
        }
    }

    /** A number of steps from the zero point that has a code. */
    static float clamp(Uniform quantizer, float code, int c) {
        int z = quantizer.zeroPoint()[c];
        return Math.clamp(code, quantizer.qmin() - z, quantizer.qmax() - z);
    }

    /** A number of steps so near its code that no rounding error of a scale changes it; what is clipped goes to the edge. */
    static float held(Uniform quantizer, float steps, int c) {
        float code = clamp(quantizer, (float) Math.rint(steps), c);
        return code + Math.clamp(steps - code, -MARGIN, MARGIN);
    }

    private static float sigmoid(float x) {
        return (float) (1 / (1 + Math.exp(-x)));
    }

    private static float h(float move) {
        return Math.clamp((1 + 2 * STRETCH) * sigmoid(move) - STRETCH, 0, 1);
    }

    @Override
    public void compute(Map<String, Tensor> values, Tensor result) {
        var sweep = new Sweep(values);
        var restored = new float[ScaleRuns.LONGEST];
        var factors = new float[ScaleRuns.LONGEST];
        for (int run = 0; run < runs.count(); run++) {
            sweep.to(run);
            sweep.codes(run, restored);
            runs.spread(run, sweep.restoring, factors);
            for (int i = 0; i < runs.size(run); i++) {
                restored[i] *= factors[i];
            }
            result.floats().put(runs.from(run), restored, 0, runs.size(run));
        }
    }

    @Override
    public void back(Map<String, Tensor> values, Tensor gradient, int step, Map<String, Tensor> gradients) {
        var sweep = new Sweep(values);
        var gains = times(ones().toFloats(), gain, values);
        var forFactor = new double[gains.length];
        var forGain = new double[gains.length];
        var codes = new float[ScaleRuns.LONGEST];
        var factors = new float[ScaleRuns.LONGEST];
        var incoming = new float[ScaleRuns.LONGEST];
        var terms = new float[ScaleRuns.LONGEST];
        var forMove = new float[ScaleRuns.LONGEST];
        for (int run = 0; run < runs.count(); run++) {
            int size = runs.size(run);
            sweep.to(run);
            sweep.codes(run, codes);
            runs.spread(run, gains, factors);
            gradient.floats().get(runs.from(run), incoming, 0, size);
            if (gain != null) {
                for (int i = 0; i < size; i++) {
                    terms[i] = incoming[i] * sweep.scale[i] * codes[i];
                }
                runs.add(run, terms, forGain);
            }
            for (int i = 0; i < size; i++) {
                float kept = sweep.kept[i];
                // 1 where nothing is clipped, else 0, in a form that loops compute in vectors.
                float inside = 1 - Math.min(1, Math.abs(sweep.exact[i] - kept) * Float.MAX_VALUE);
                float passed = incoming[i] * factors[i] * sweep.unit[i];
                terms[i] = passed * (codes[i] - inside * kept);
                forMove[i] = passed * inside;
            }
            runs.add(run, terms, forFactor);
            if (shift != null) {
                if (trained.weights() == Weights.ROUNDED) {
                    for (int i = 0; i < size; i++) {
                        forMove[i] = codes[i] == sweep.exact[i] ? roundingGradient(sweep.move[i], forMove[i], step) : 0;
                    }
                }
                gradients.get(shift).floats().put(runs.from(run), forMove, 0, size);
            }
        }
        put(factor, forFactor, gradients);
        put(gain, forGain, gradients);
    }

    private float roundingGradient(float move, float passed, int step) {
        float sigmoid = sigmoid(move);
        float h = (1 + 2 * STRETCH) * sigmoid - STRETCH;
        if (h <= 0 || h >= 1) {
            return 0;
        }
        return (passed + regularizer.gradient(h, step)) * (1 + 2 * STRETCH) * sigmoid * (1 - sigmoid);
    }

    private static void put(String tensor, double[] gradient, Map<String, Tensor> gradients) {
        if (tensor != null) {
            var narrow = gradients.get(tensor).floats();
            for (int c = 0; c < gradient.length; c++) {
                narrow.put(c, (float) gradient[c]);
            }
        }
    }

    /** Learned rounding as it will be stored: every h at 0 or 1. */
    Map<String, Tensor> decided(Map<String, Tensor> values) {
        if (trained.weights() != Weights.ROUNDED) {
            return values;
        }
        var moves = values.get(shift).toFloats();
        for (int i = 0; i < moves.length; i++) {
            moves[i] = moves[i] > 0 ? Float.MAX_VALUE : -Float.MAX_VALUE;
        }
        var decided = new LinkedHashMap<>(values);
        decided.put(shift, Tensor.of(moves, shape));
        return decided;
    }

    @Override
    public void fold(Map<String, Tensor> values, Tuned tuned) {
        var sweep = new Sweep(decided(values));
        var weights = new float[start.length];
        for (int run = 0; run < runs.count(); run++) {
            sweep.to(run);
            for (int i = 0; i < runs.size(run); i++) {
                int c = runs.scale(run, i);
                float steps = quantizer.pairLimit() > 0 ? sweep.kept[i] : sweep.exact[i];
                weights[runs.from(run) + i] = held(quantizer, steps, c) * sweep.restoring[c];
            }
        }
        tuned.constant(place.tensor(), Tensor.of(weights, shape));
        tuned.weight(place.node(), quantizer.withScale(sweep.restoring));
    }
}
