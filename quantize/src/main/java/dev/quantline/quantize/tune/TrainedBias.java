package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;
import java.util.Map;

/** A bias, b = b0 + u B with B trained starting at 0. */
final class TrainedBias implements TrainedPart {
    private final String bias;
    private final Tensor start;
    private final float[] unit;
    private final String sum;
    private String shift;

    /**
     * @param start b0
     * @param unit  u, one per channel: the unit in which B counts
     * @param sum   the tensor to compute, b
     */
    TrainedBias(String bias, Tensor start, float[] unit, String sum) {
        this.bias = bias;
        this.start = start;
        this.unit = unit;
        this.sum = sum;
    }

    @Override
    public void write(Graph graph) {
        shift = graph.addConstant(bias + "/shift", Tensor.of(new float[unit.length], unit.length));
        String moved = graph.fresh(bias + "/moved");
        graph.add(Node.of("Mul", List.of(graph.addConstant(bias + "/unit", Tensor.vector(unit)), shift), moved));
        graph.add(Node.of("Add", List.of(bias, moved), sum));
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
