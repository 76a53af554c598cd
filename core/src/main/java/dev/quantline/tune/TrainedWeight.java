package dev.quantline.tune;

import dev.quantline.gradient.train.Derived;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.quantizer.Uniform;
import dev.quantline.tune.Trainables.Kind;
import dev.quantline.tune.Trainables.Weights;
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
final class TrainedWeight implements TrainedPart, Derived {
    /** h reaches beyond 0 and 1 by this much, so that it can settle there. */
    private static final float STRETCH = 0.1f;
    /** A folded weight keeps this distance from where its code would change. */
    private static final float MARGIN = 0.498f;

    private final QuantizationPlan.Weight place;
    private final Uniform quantizer;
    private final Trainables trained;
    private final Annealing annealing;
    private final long[] shape;
    private final float[] start;
    /** Which scale each element has. */
    private final int[] channel;
    private final Map<String, Kind> parameters = new LinkedHashMap<>();
    private String restored;
    private String shift;
    private String factor;
    private String gain;

    /** @param annealing how learned rounding is driven to a decision */
    TrainedWeight(QuantizationPlan.Weight place, Tensor start, Trainables trained, Annealing annealing) {
        this.place = place;
        this.trained = trained;
        this.annealing = annealing;
        this.start = start.toFloats();
        quantizer = place.quantizer();
        shape = start.shape();
        channel = quantizer.scaleIndex(shape);
    }

    @Override
    public void write(Graph graph) {
        String name = place.tensor();
        restored = graph.addConstant(name + "/restored", Tensor.zeros(DataType.FLOAT, shape));
        graph.nodes().replaceAll(node -> node.name().equals(place.node()) ? node.withInput(place.input(), restored) : node);
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
        for (int i = 0; i < open.length; i++) {
            float exact = start[i] / quantizer.scale()[channel[i]];
            double h = (exact - Math.floor(exact) + STRETCH) / (1 + 2 * STRETCH);
            open[i] = (float) -Math.log(1 / h - 1);
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

    private float[] restoring(float[] scales, Map<String, Tensor> values) {
        return times(scales, gain, values);
    }

    private static float[] times(float[] scales, String tensor, Map<String, Tensor> values) {
        var product = scales.clone();
        if (tensor != null) {
            var factors = values.get(tensor).toFloats();
            for (int c = 0; c < product.length; c++) {
                product[c] *= factors[c];
            }
        }
        return product;
    }

    private float[] moves(Map<String, Tensor> values) {
        return shift == null ? new float[start.length] : values.get(shift).toFloats();
    }

    private float exact(int i, float move, float[] scales) {
        return (start[i] + quantizer.scale()[channel[i]] * move) / scales[channel[i]];
    }

    private float clamp(float code, int c) {
        return clamp(quantizer, code, c);
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

    private float floor(int i) {
        return (float) Math.floor(start[i] / quantizer.scale()[channel[i]]);
    }

    @Override
    public void compute(Map<String, Tensor> values, Tensor result) {
        var scales = scales(values);
        var restoring = restoring(scales, values);
        var codes = moves(values);
        boolean rounded = trained.weights() == Weights.ROUNDED;
        for (int i = 0; i < codes.length; i++) {
            int c = channel[i];
            float code = rounded ? floor(i) + h(codes[i]) : (float) Math.rint(exact(i, codes[i], scales));
            codes[i] = clamp(code, c) * restoring[c];
        }
        result.floats().put(codes);
    }

    @Override
    public void back(Map<String, Tensor> values, Tensor gradient, int step, Map<String, Tensor> gradients) {
        var scales = scales(values);
        var gains = times(ones().toFloats(), gain, values);
        var moves = moves(values);
        var incoming = gradient.toFloats();
        var forFactor = new double[scales.length];
        var forGain = new double[scales.length];
        boolean rounded = trained.weights() == Weights.ROUNDED;
        for (int i = 0; i < moves.length; i++) {
            int c = channel[i];
            float exact = rounded ? floor(i) + h(moves[i]) : exact(i, moves[i], scales);
            float kept = clamp(exact, c);
            float code = rounded ? kept : (float) Math.rint(kept);
            float passed = incoming[i] * gains[c] * quantizer.scale()[c];
            boolean inside = kept == exact;
            forFactor[c] += passed * (inside ? code - exact : code);
            forGain[c] += incoming[i] * scales[c] * code;
            moves[i] = !inside ? 0 : !rounded ? passed : roundingGradient(moves[i], passed, step);
        }
        put(shift, moves, gradients);
        put(factor, forFactor, gradients);
        put(gain, forGain, gradients);
    }

    private float roundingGradient(float move, float passed, int step) {
        float sigmoid = sigmoid(move);
        float h = (1 + 2 * STRETCH) * sigmoid - STRETCH;
        if (h <= 0 || h >= 1) {
            return 0;
        }
        return (passed + annealing.gradient(h, step)) * (1 + 2 * STRETCH) * sigmoid * (1 - sigmoid);
    }

    private static void put(String tensor, float[] gradient, Map<String, Tensor> gradients) {
        if (tensor != null) {
            gradients.get(tensor).floats().put(gradient);
        }
    }

    private static void put(String tensor, double[] gradient, Map<String, Tensor> gradients) {
        var narrow = new float[gradient.length];
        for (int c = 0; c < narrow.length; c++) {
            narrow[c] = (float) gradient[c];
        }
        put(tensor, narrow, gradients);
    }

    /** Learned rounding as it will be stored: every h at 0 or 1. */
    Map<String, Tensor> decided(Map<String, Tensor> values) {
        if (trained.weights() != Weights.ROUNDED) {
            return values;
        }
        var moves = moves(values);
        for (int i = 0; i < moves.length; i++) {
            moves[i] = moves[i] > 0 ? Float.MAX_VALUE : -Float.MAX_VALUE;
        }
        var decided = new LinkedHashMap<>(values);
        decided.put(shift, Tensor.of(moves, shape));
        return decided;
    }

    @Override
    public void fold(Map<String, Tensor> values, Tuned tuned) {
        var scales = scales(values);
        var restoring = restoring(scales, values);
        var moves = moves(values);
        var weights = new float[start.length];
        for (int i = 0; i < weights.length; i++) {
            int c = channel[i];
            float exact = trained.weights() == Weights.ROUNDED ? floor(i) + (moves[i] > 0 ? 1 : 0) : exact(i, moves[i], scales);
            weights[i] = held(quantizer, exact, c) * restoring[c];
        }
        tuned.constant(place.tensor(), Tensor.of(weights, shape));
        tuned.weight(place.node(), quantizer.withScale(restoring));
    }
}
