package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;

/**
 * A monotone per-tensor quantizer for numbers between 0 and a scale, with codes 0 to N = 2^bits - 1 spaced along a curve.
 * Each case defines its curve; tables of it do the work, in Java and in the graph.
 */
public sealed interface Codebook extends Quantizer permits Logarithmic, Tangent {
    /** Largest width of a code: what a byte can index. */
    int WIDEST = 8;

    /** The largest number, which has its own code. */
    float scale();

    /** The number at a (fractional) position between codes, on the curve. */
    double at(double position);

    /** Whether larger numbers have smaller codes. */
    boolean falling();

    @Override
    default int qmin() {
        return 0;
    }

    @Override
    default int qmax() {
        return (1 << bits()) - 1;
    }

    @Override
    default int quantize(float x, int c) {
        return code(x, thresholds());
    }

    @Override
    default float lowest(int c) {
        return 0;
    }

    @Override
    default float highest(int c) {
        return scale();
    }

    @Override
    default DataType storage() {
        return DataType.UINT8;
    }

    @Override
    default Tensor fakeQuantize(Tensor x) {
        var values = x.toFloats();
        var levels = levels();
        var thresholds = thresholds();
        for (int i = 0; i < values.length; i++) {
            values[i] = levels[code(values[i], thresholds)];
        }
        return Tensor.of(values, x.shape());
    }

    private int code(float x, float[] thresholds) {
        int low = 0;
        int high = thresholds.length;
        while (low < high) {
            int middle = low + high >>> 1;
            if (falling() ? x < thresholds[middle] : x > thresholds[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private float[] levels() {
        var levels = new float[qmax() + 1];
        for (int q = 0; q <= qmax(); q++) {
            levels[q] = dequantize(q, 0);
        }
        return levels;
    }

    /** Code q applies up to threshold q (from it, if falling), code q + 1 beyond it. */
    private float[] thresholds() {
        var thresholds = new float[qmax()];
        for (int q = 0; q < qmax(); q++) {
            thresholds[q] = (float) at(q + 0.5);
        }
        return thresholds;
    }

    /**
     * Rounds in the graph: positions become UINT8 codes, and codes become positions again. The way back to numbers is arithmetic
     * too: onnxruntime vectorizes arithmetic, but looks up one number at a time.
     *
     * @param positions unrounded codes times {@code step}, none beyond {@code qmax}
     * @return the tensor of rounded positions, times {@code step}
     */
    default String writeCodes(Graph graph, String base, String positions, double step) {
        String size = graph.addConstant(base + "/step", Tensor.scalar((float) step));
        String zero = graph.addConstant(base + "/zero_point", Tensor.of(DataType.UINT8, new byte[1]));
        String codes =
                graph.add(Node.of("QuantizeLinear", List.of(positions, size, zero), graph.fresh(base + "/codes")));
        return graph.add(Node.of("DequantizeLinear", List.of(codes, size, zero), graph.fresh(base + "/rounded")));
    }

    /** Adds an operator on a tensor and a number, in this order, and returns its output. */
    default String write(Graph graph, String op, String output, String input, double number) {
        String by = graph.addConstant(output + "/by", Tensor.scalar((float) number));
        return graph.add(Node.of(op, List.of(input, by), output));
    }
}
