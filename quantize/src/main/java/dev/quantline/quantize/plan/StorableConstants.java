package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;

/** Which constants are worth storing as codes only for their size, although no integer kernel reads them. */
record StorableConstants(GraphIndex index) {
    /** Embedding and position tables with fewer elements stay float: there is nothing to gain. */
    private static final int SMALLEST_TABLE = 4096;
    /** Weights of float kernels with fewer elements stay float: restoring them takes as much space as it saves. */
    private static final int SMALLEST_WEIGHT = 512;

    /** Whether a constant that a float kernel multiplies by is worth storing. */
    boolean hasWeight(Node node, int input) {
        return is(node.input(input), SMALLEST_WEIGHT);
    }

    /** Whether a node gathers rows of such a table. */
    boolean isLookup(Node node) {
        return node.is("Gather")
                && is(node.input(0), SMALLEST_TABLE)
                && constant(node, 0).rank() == 2
                && node.intOf("axis", 0) == 0
                && index.constant(node.input(1)).isEmpty();
    }

    /** Whether a node adds such a table, which has an entry for every position and channel. */
    boolean addsPositions(Node node) {
        if (!node.is("Add") || !is(node.input(constantOf(node)), SMALLEST_TABLE)) {
            return false;
        }
        var table = constant(node, constantOf(node));
        return table.dim(-1) < table.size();
    }

    /** The index of the constant input of an Add, if it has one. */
    int constantOf(Node add) {
        return index.constant(add.input(0)).isPresent() ? 0 : 1;
    }

    Tensor constant(Node node, int input) {
        return index.constant(node.input(input)).orElseThrow();
    }

    private boolean is(String tensor, int smallest) {
        return index.constant(tensor)
                        .filter(constant ->
                                constant.type() == DataType.FLOAT && constant.rank() > 1 && constant.size() >= smallest)
                        .isPresent()
                && !MaskConstants.holds(index, tensor);
    }
}
