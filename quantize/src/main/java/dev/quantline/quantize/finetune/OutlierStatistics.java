package dev.quantline.quantize.finetune;

import dev.quantline.gradient.train.Running;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.finetune.OutlierActivations.Activation;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Running mean, deviation and range of every activation, and the inputs computed from them (ours, after arXiv 2403.06497): an
 * element beyond the width k sd is an outlier, and the weight of an activation is c w_l, where
 *
 * <pre>
 *  w_l = range_l / (2 k sd_l), divided by the sum over all activations.
 * </pre>
 *
 * Both are inputs of the graph, so no gradient passes through them.
 */
final class OutlierStatistics implements Running {
    private static final float KEPT = 0.9f;
    private static final int MEAN = 0;
    private static final int SQUARE = 1;
    private static final int LEAST = 2;
    private static final int GREATEST = 3;
    private static final int FIGURES = 4;
    /** A variance smaller than this share of the mean square is a rounding error of the subtraction. */
    private static final double RESOLUTION = 1e-6;

    private final List<Activation> activations;
    private final double width;
    private final Map<String, Tensor> observed = new LinkedHashMap<>();
    private final Map<String, Tensor> inputs = new LinkedHashMap<>();
    /** {@code [activations, 4]}. */
    private final Tensor figures;
    /** c, and whether the statistics contain a batch yet. */
    private final Tensor coefficient = Tensor.zeros(DataType.FLOAT, 2);

    /** @param width k */
    OutlierStatistics(List<Activation> activations, double width) {
        this.activations = activations;
        this.width = width;
        figures = Tensor.zeros(DataType.FLOAT, activations.size(), FIGURES);
        activations.forEach(activation -> observed.put(activation.observed(), Tensor.zeros(DataType.FLOAT, FIGURES)));
        restored();
    }

    /** Sets the weight of outliers relative to the task: c. */
    void weigh(double all) {
        coefficient.floats().put(0, (float) all);
        restored();
    }

    @Override
    public Map<String, Tensor> observed() {
        return observed;
    }

    @Override
    public Map<String, Tensor> inputs() {
        return inputs;
    }

    @Override
    public void follow() {
        var running = figures.floats();
        float kept = coefficient.floats().get(1) == 0 ? 0 : KEPT;
        for (int i = 0; i < activations.size(); i++) {
            var now = observed.get(activations.get(i).observed()).floats();
            for (int f = 0; f < FIGURES; f++) {
                int at = i * FIGURES + f;
                running.put(at, kept * running.get(at) + (1 - kept) * now.get(f));
            }
        }
        coefficient.floats().put(1, 1);
        restored();
    }

    @Override
    public Map<String, Tensor> state() {
        var state = new LinkedHashMap<String, Tensor>();
        state.put("outliers", figures);
        state.put("outlierWeight", coefficient);
        return state;
    }

    @Override
    public void restored() {
        boolean known = coefficient.floats().get(1) != 0;
        double sum = 0;
        for (int i = 0; i < activations.size(); i++) {
            sum += spread(i);
        }
        for (int i = 0; i < activations.size(); i++) {
            float mean = figure(i, MEAN);
            double deviation = deviation(i);
            inputs.put(
                    activations.get(i).statistics(),
                    known
                            ? Tensor.vector(mean, (float) (width * deviation), (float) (deviation * deviation))
                            : Tensor.vector(0, Float.MAX_VALUE, 1));
            inputs.put(
                    activations.get(i).weight(),
                    Tensor.scalar(known ? (float) (coefficient.floats().get(0) * spread(i) / sum) : 0));
        }
    }

    private float figure(int activation, int which) {
        return figures.floats().get(activation * FIGURES + which);
    }

    private double deviation(int activation) {
        double mean = figure(activation, MEAN);
        double square = figure(activation, SQUARE);
        return Math.sqrt(Math.max(Float.MIN_NORMAL, Math.max(square - mean * mean, square * RESOLUTION)));
    }

    /** range / (2 k sd), which is positive. */
    private double spread(int activation) {
        return Math.max(
                Float.MIN_NORMAL,
                (figure(activation, GREATEST) - figure(activation, LEAST)) / (2 * width * deviation(activation)));
    }
}
