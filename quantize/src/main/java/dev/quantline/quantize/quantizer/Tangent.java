package dev.quantline.quantize.quantizer;

import com.fasterxml.jackson.annotation.JsonIgnore;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;

/**
 * TanQ, the tangent quantizer for post-softmax activations (idea from DopQ-ViT, arXiv 2408.03291; this formula is ours).
 * With u = clip(x/s, 0, 1) and T(u) = tan(a (u - c)), t0 = T(0), t1 = T(1):
 *
 * <pre>
 *   q  = clip(round(N (T(u) - t0) / (t1 - t0)), 0, N)
 *   x^ = s (c + arctan(t0 + (q/N)(t1 - t0)) / a)
 * </pre>
 *
 * It is monotone, 0 and s are exact, and it tends to the uniform quantizer as a goes to 0; the grid is finest where u
 * is farthest from c.
 *
 * @param bits width of a code, 2 to 8; N = 2^bits - 1
 * @param a    curvature, {@code 0 < a max(c, 1-c) < pi/2}
 * @param c    centre, where the grid is coarsest, 0 to 1
 * @param s    the largest number
 */
public record Tangent(int bits, double a, double c, float s) implements Codebook {
    public Tangent {
        if (bits < 2
                || bits > WIDEST
                || !(a > 0)
                || c < 0
                || c > 1
                || a * Math.max(c, 1 - c) >= Math.PI / 2
                || !(s > 0)) {
            throw new IllegalArgumentException(
                    "no tangent quantizer of " + bits + " bits, a " + a + ", c " + c + ", s " + s);
        }
    }

    @Override
    public String label() {
        return "tan";
    }

    @Override
    @JsonIgnore
    public float scale() {
        return s;
    }

    @Override
    public boolean falling() {
        return false;
    }

    private double t0() {
        return Math.tan(-a * c);
    }

    private double step() {
        return (Math.tan(a * (1 - c)) - t0()) / qmax();
    }

    @Override
    public double at(double position) {
        return s * (c + Math.atan(t0() + position * step()) / a);
    }

    @Override
    public float dequantize(int q, int channel) {
        return q == 0 ? 0 : q == qmax() ? s : (float) at(q);
    }

    @Override
    public void write(Graph graph, String base, String input, String output) {
        String lowest = graph.addConstant(base + "/lowest", Tensor.scalar(0f));
        String highest = graph.addConstant(base + "/highest", Tensor.scalar(s));
        String clipped = graph.add(Node.of("Clip", List.of(input, lowest, highest), graph.fresh(base + "/clipped")));
        String turned = write(graph, "Mul", graph.fresh(base + "/turned"), clipped, a / s);
        String angle = write(graph, "Sub", graph.fresh(base + "/angle"), turned, a * c);
        // onnxruntime vectorizes sine and cosine, but computes the tangent one number at a time, slower than both
        // together.
        String sine = graph.add(Node.of("Sin", List.of(angle), graph.fresh(base + "/sine")));
        String cosine = graph.add(Node.of("Cos", List.of(angle), graph.fresh(base + "/cosine")));
        String tangent = graph.add(Node.of("Div", List.of(sine, cosine), graph.fresh(base + "/tangent")));
        String raised = write(graph, "Sub", graph.fresh(base + "/raised"), tangent, t0());
        String lowered =
                write(graph, "Add", graph.fresh(base + "/lowered"), writeCodes(graph, base, raised, step()), t0());
        String back = graph.add(Node.of("Atan", List.of(lowered), graph.fresh(base + "/back")));
        write(graph, "Add", output, write(graph, "Mul", graph.fresh(base + "/stretched"), back, s / a), s * c);
    }
}
