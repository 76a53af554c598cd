package dev.quantline.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;

/**
 * The logarithmic quantizer for numbers of 0 and above: {@code q = round(-root log2(x / s))}, {@code x^ = s 2^(-q / root)}.
 * Root 1 is log2, root 2 is log-sqrt2 (RepQ-ViT, arXiv 2212.08254).
 *
 * <p>The largest code stands for exactly 0. RepQ-ViT lets every q of 2^bits and above be 0, which takes one code more
 * than its bits can hold; giving 0 a code of its own is ours.
 *
 * @param bits  width of a code, 2 to 8
 * @param root  1 or 2
 * @param scale s, the largest number
 */
public record Logarithmic(int bits, int root, float scale) implements Quantizer {
    public Logarithmic {
        if (bits < 2 || bits > 8 || root < 1 || root > 2 || !(scale > 0)) {
            throw new IllegalArgumentException("no logarithmic quantizer of " + bits + " bits, root " + root + ", scale " + scale);
        }
    }

    @Override
    public String label() {
        return root == 1 ? "log2" : "logsqrt2";
    }

    @Override
    public int qmin() {
        return 0;
    }

    @Override
    public int qmax() {
        return (1 << bits) - 1;
    }

    @Override
    public int quantize(float x, int c) {
        return codebook().quantize(x);
    }

    @Override
    public float dequantize(int q, int c) {
        return q == qmax() ? 0 : (float) (scale * Math.pow(2, -(double) q / root));
    }

    @Override
    public float lowest(int c) {
        return 0;
    }

    @Override
    public float highest(int c) {
        return scale;
    }

    @Override
    public DataType storage() {
        return DataType.UINT8;
    }

    @Override
    public Tensor fakeQuantize(Tensor x) {
        return codebook().fakeQuantize(x);
    }

    private Codebook codebook() {
        var levels = new float[qmax() + 1];
        var thresholds = new float[qmax()];
        for (int q = 0; q <= qmax(); q++) {
            levels[q] = dequantize(q, 0);
        }
        for (int q = 0; q < qmax(); q++) {
            thresholds[q] = (float) (scale * Math.pow(2, -(q + 0.5) / root));
        }
        return new Codebook(levels, thresholds, true);
    }

    @Override
    public void write(Graph graph, String base, String input, String output) {
        String positive = graph.fresh(base + "/positive");
        String log = graph.fresh(base + "/log");
        String scaled = graph.fresh(base + "/scaled");
        String clipped = graph.fresh(base + "/clipped");
        String codes = graph.fresh(base + "/codes");
        float smallest = (float) (scale * Math.pow(2, -(qmax() + 1.0) / root));
        graph.nodes().add(Node.of("Clip", List.of(input, graph.addConstant(base + "/smallest", Tensor.scalar(smallest)),
            graph.addConstant(base + "/largest", Tensor.scalar(scale))), positive));
        graph.nodes().add(Node.of("Log", List.of(positive), log));
        String logScale = graph.addConstant(base + "/log_scale", Tensor.scalar((float) Math.log(scale)));
        graph.nodes().add(Node.of("Sub", List.of(logScale, log), scaled));
        String step = graph.addConstant(base + "/step", Tensor.scalar((float) (Math.log(2) / root)));
        String zero = graph.addConstant(base + "/zero_point", Tensor.of(DataType.UINT8, new byte[1]));
        graph.nodes().add(Node.of("QuantizeLinear", List.of(scaled, step, zero), clipped));
        graph.nodes().add(Node.of("Min", List.of(clipped, graph.addConstant(base + "/qmax",
            Tensor.of(DataType.UINT8, new byte[] {(byte) qmax()}))), codes));
        codebook().writeLookup(graph, base, codes, output);
    }
}
