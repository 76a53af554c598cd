package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.ComputedParameter;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.Trainables.Kind;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A weight and its scales. With start values W and s0 the layer computes with g s q, where s = s0 r and
 *
 * <pre>
 *   q = clip(round((W + s0 V) / s))                    weights are shifted
 *   q = clip(floor(W / s0) + h(V)), r = 1              rounding is learned, h is {@link RectifiedSigmoid}
 * </pre>
 *
 * V is trained starting at 0 (at the value for which h is the fraction of W / s0), r at 1 and g at 1. Rounding uses the
 * straight-through estimator inside the range; the gradient of r is that of LSQ (arXiv 1902.08153).
 */
final class TrainedWeightQuantizer implements TrainedPart, ComputedParameter {
    private final QuantizationPlan.Weight place;
    private final Uniform quantizer;
    private final Trainables trained;
    private final RoundingRegularizer regularizer;
    private final String restored;
    private final long[] shape;
    private final boolean learned;
    private final WeightSteps steps;
    private final ScaleRuns runs;
    private final Map<String, Kind> parameters = new LinkedHashMap<>();
    private String shift;
    private String factor;
    private String gain;

    /**
     * @param regularizer drives learned rounding to a decision
     * @param restored    the tensor to compute
     */
    TrainedWeightQuantizer(
            QuantizationPlan.Weight place,
            Tensor start,
            Trainables trained,
            RoundingRegularizer regularizer,
            String restored) {
        this.place = place;
        this.trained = trained;
        this.regularizer = regularizer;
        this.restored = restored;
        quantizer = place.quantizer();
        shape = start.shape();
        learned = trained.weights() == Weights.ROUNDED;
        steps = new WeightSteps(quantizer, start, learned);
        runs = steps.runs;
    }

    @Override
    public void write(Graph graph) {
        String name = place.tensor();
        if (trained.weights() == Weights.SHIFTED) {
            shift = parameter(graph, name + "/shift", Tensor.zeros(DataType.FLOAT, shape), Kind.WEIGHT);
        } else if (learned) {
            shift = parameter(graph, name + "/rounding", Tensor.of(steps.open(), shape), Kind.ROUNDING);
        }
        if (trained.weightScales() && !learned) {
            factor = parameter(graph, name + "/factor", Tensor.vector(ones()), Kind.WEIGHT_SCALE);
        }
        if (trained.affine()) {
            gain = parameter(graph, name + "/gain", Tensor.vector(ones()), Kind.AFFINE);
        }
    }

    private String parameter(Graph graph, String name, Tensor value, Kind kind) {
        String tensor = graph.addConstant(name, value);
        parameters.put(tensor, kind);
        return tensor;
    }

    private float[] ones() {
        var ones = new float[quantizer.scale().length];
        Arrays.fill(ones, 1);
        return ones;
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

    /** s. */
    private float[] scales(Map<String, Tensor> values) {
        return times(quantizer.scale(), factor, values);
    }

    /** g s. */
    private float[] restoring(Map<String, Tensor> values) {
        return times(scales(values), gain, values);
    }

    private WeightSteps.Sweep sweep(Map<String, Tensor> values) {
        return steps.new Sweep(scales(values), shift == null ? null : values.get(shift));
    }

    @Override
    public void compute(Map<String, Tensor> values, Tensor result) {
        var sweep = sweep(values);
        var restoring = restoring(values);
        var restored = new float[ScaleRuns.LONGEST];
        var factors = new float[ScaleRuns.LONGEST];
        for (int run = 0; run < runs.count(); run++) {
            sweep.to(run);
            sweep.codes(run, restored);
            runs.spread(run, restoring, factors);
            for (int i = 0; i < runs.size(run); i++) {
                restored[i] *= factors[i];
            }
            result.floats().put(runs.from(run), restored, 0, runs.size(run));
        }
    }

    @Override
    public void back(Map<String, Tensor> values, Tensor gradient, int step, Map<String, Tensor> gradients) {
        var sweep = sweep(values);
        var gains = times(ones(), gain, values);
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
                // 1 where nothing is clipped, else 0, in a form that vectorizes.
                float inside = 1 - Math.min(1, Math.abs(sweep.exact[i] - kept) * Float.MAX_VALUE);
                float passed = incoming[i] * factors[i] * sweep.unit[i];
                terms[i] = passed * (codes[i] - inside * kept);
                forMove[i] = passed * inside;
            }
            runs.add(run, terms, forFactor);
            if (shift != null) {
                for (int i = 0; learned && i < size; i++) {
                    forMove[i] = codes[i] == sweep.exact[i]
                            ? RectifiedSigmoid.gradient(sweep.move[i], forMove[i], regularizer, step)
                            : 0;
                }
                gradients.get(shift).floats().put(runs.from(run), forMove, 0, size);
            }
        }
        put(factor, forFactor, gradients);
        put(gain, forGain, gradients);
    }

    private static void put(String tensor, double[] gradient, Map<String, Tensor> gradients) {
        if (tensor != null) {
            var narrow = gradients.get(tensor).floats();
            for (int c = 0; c < gradient.length; c++) {
                narrow.put(c, (float) gradient[c]);
            }
        }
    }

    /** Learned rounding as it will be stored, with every h at 0 or 1. */
    Map<String, Tensor> decided(Map<String, Tensor> values) {
        if (!learned) {
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
        var sweep = sweep(decided(values));
        var restoring = restoring(values);
        var weights = new float[(int) Tensor.count(shape)];
        for (int run = 0; run < runs.count(); run++) {
            sweep.to(run);
            for (int i = 0; i < runs.size(run); i++) {
                int c = runs.scale(run, i);
                float code = quantizer.pairLimit() > 0 ? sweep.kept[i] : sweep.exact[i];
                weights[runs.from(run) + i] = WeightSteps.held(quantizer, code, c) * restoring[c];
            }
        }
        tuned.constant(place.tensor(), Tensor.of(weights, shape));
        tuned.weight(place.node(), quantizer.withScale(restoring));
    }
}
