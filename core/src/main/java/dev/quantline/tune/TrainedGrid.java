package dev.quantline.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantizer.Quantizer;
import dev.quantline.quantizer.Uniform;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The scale of a uniform activation quantizer, s = s0 r with r trained from 1; the zero point stays. */
final class TrainedGrid implements TrainedPart {
    private final String root;
    private final Uniform quantizer;
    private final List<Place> places = new ArrayList<>();
    private String factor;

    /** A tensor on this grid. */
    private record Place(String from, String to) {
    }

    /** @param root the tensor whose grid it is */
    TrainedGrid(String root, Uniform quantizer) {
        this.root = root;
        this.quantizer = quantizer;
    }

    /** Adds a tensor on this grid: {@code from} is float, {@code to} what its codes stand for. */
    void add(String from, String to) {
        places.add(new Place(from, to));
    }

    @Override
    public void write(Graph graph) {
        factor = graph.addConstant(root + "/factor", Tensor.scalar(1));
        String scale = graph.fresh(root + "/trained_scale");
        graph.nodes().add(Node.of("Mul", List.of(graph.addConstant(root + "/unit", Tensor.scalar(quantizer.scale()[0])), factor), scale));
        String zeroPoint = graph.addConstant(root + "/zero_point", quantizer.zeroPointTensor());
        int z = quantizer.zeroPoint()[0];
        boolean narrow = quantizer.bits() < quantizer.storage().bits();
        String lowest = narrow ? times(graph, scale, quantizer.qmin() - z) : "";
        String highest = narrow ? times(graph, scale, quantizer.qmax() - z) : "";
        for (var place : places) {
            String from = place.from();
            if (narrow) {
                String clipped = graph.fresh(from + "/clipped");
                graph.nodes().add(Node.of("Clip", List.of(from, lowest, highest), clipped));
                from = clipped;
            }
            String codes = graph.fresh(place.from() + "/codes");
            graph.nodes().add(Node.of("QuantizeLinear", List.of(from, scale, zeroPoint), codes));
            graph.nodes().add(Node.of("DequantizeLinear", List.of(codes, scale, zeroPoint), place.to()));
        }
    }

    private String times(Graph graph, String scale, int steps) {
        String bound = graph.fresh(root + "/bound");
        graph.nodes().add(Node.of("Mul", List.of(scale, graph.addConstant(root + "/steps", Tensor.scalar(steps))), bound));
        return bound;
    }

    @Override
    public Map<String, Trainables.Kind> parameters() {
        return Map.of(factor, Trainables.Kind.ACTIVATION_SCALE);
    }

    @Override
    public void fold(Map<String, Tensor> values, Tuned tuned) {
        float scale = quantizer.scale()[0] * values.get(factor).floats().get(0);
        tuned.grid(root, new Uniform(quantizer.bits(), quantizer.signed(), quantizer.axis(), new float[] {scale}, quantizer.zeroPoint()));
    }

    /** Whether training can move the grid of this quantizer. */
    static boolean takes(Quantizer quantizer) {
        return quantizer instanceof Uniform uniform && uniform.axis() == Uniform.PER_TENSOR;
    }
}
