package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;

/**
 * The logarithmic quantizer for nonnegative numbers: {@code q = round(-root log2(x / s))}, {@code x^ = s 2^(-q / root)}.
 * Root 1 is log2, root 2 is log-sqrt2 (RepQ-ViT, arXiv 2212.08254).
 *
 * <p>The largest code represents exactly 0. RepQ-ViT maps every q of 2^bits and above to 0, which takes one code more
 * than its bits can hold; giving 0 a code of its own is ours.
 *
 * @param bits  width of a code, 2 to 8
 * @param root  1 or 2
 * @param scale s, the largest number
 */
public record Logarithmic(int bits, int root, float scale) implements Codebook {
    public Logarithmic {
        if (bits < 2 || bits > WIDEST || root < 1 || root > 2 || !(scale > 0)) {
            throw new IllegalArgumentException(
                    "no logarithmic quantizer of " + bits + " bits, root " + root + ", scale " + scale);
        }
    }

    @Override
    public String label() {
        return root == 1 ? "log2" : "logsqrt2";
    }

    @Override
    public boolean falling() {
        return true;
    }

    @Override
    public double at(double position) {
        return scale * Math.pow(2, -position / root);
    }

    @Override
    public float dequantize(int q, int c) {
        return q == qmax() ? 0 : (float) at(q);
    }

    @Override
    public void write(Graph graph, String base, String input, String output) {
        String smallest = graph.addConstant(base + "/smallest", Tensor.scalar((float) at(qmax())));
        String largest = graph.addConstant(base + "/largest", Tensor.scalar(scale));
        String positive =
                graph.add(Node.of("Clip", List.of(input, smallest, largest), graph.fresh(base + "/positive")));
        String log = graph.add(Node.of("Log", List.of(positive), graph.fresh(base + "/log")));
        String logScale = graph.addConstant(base + "/log_scale", Tensor.scalar((float) Math.log(scale)));
        String down = graph.add(Node.of("Sub", List.of(logScale, log), graph.fresh(base + "/down")));
        String rounded = writeCodes(graph, base, down, Math.log(2) / root);
        String back = graph.add(Node.of("Sub", List.of(logScale, rounded), graph.fresh(base + "/back")));
        String number = graph.add(Node.of("Exp", List.of(back), graph.fresh(base + "/number")));
        // The largest code represents 0, which is no power of 2.
        graph.add(Node.of("ThresholdedRelu", List.of(number), output).with("alpha", (float) at(qmax() - 0.5)));
    }
}
