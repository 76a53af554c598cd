package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/** A bias, b = b0 + u B with B trained from 0. */
final class TrainedBias implements TrainedPart {
    private final String bias;
    private final Tensor start;
    private final Node reader;
    private final int input;
    private final float[] unit;
    private String shift;

    /**
     * @param start  b0
     * @param reader the node that reads it as its input {@code input}
     * @param unit   u, one a channel: how much of an output counts as one
     */
    TrainedBias(String bias, Tensor start, Node reader, int input, float[] unit) {
        this.bias = bias;
        this.start = start;
        this.reader = reader;
        this.input = input;
        this.unit = unit;
    }

    @Override
    public void write(Graph graph) {
        shift = graph.addConstant(bias + "/shift", Tensor.of(new float[unit.length], unit.length));
        String moved = graph.fresh(bias + "/moved");
        String sum = graph.fresh(bias + "/trained");
        graph.nodes()
                .add(Node.of("Mul", List.of(graph.addConstant(bias + "/unit", Tensor.vector(unit)), shift), moved));
        graph.nodes().add(Node.of("Add", List.of(bias, moved), sum));
        graph.nodes().replaceAll(node -> node.name().equals(reader.name()) ? node.withInput(input, sum) : node);
    }

    @Override
    public Map<String, Trainables.Kind> parameters() {
        return Map.of(shift, Trainables.Kind.BIAS);
    }

    @Override
    public void fold(Map<String, Tensor> values, Tuned tuned) {
        var moves = values.get(shift).toFloats();
        var sum = start.toFloats();
        for (int c = 0; c < sum.length; c++) {
            sum[c] += unit[c] * moves[c];
        }
        tuned.constant(bias, Tensor.of(sum, start.shape()));
    }
}
