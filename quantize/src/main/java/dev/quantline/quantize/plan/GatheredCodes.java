package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.List;

/** Gathers rows of an embedding table as codes and restores them afterwards: the table never exists as floats. */
final class GatheredCodes {
    private GatheredCodes() {}

    /** @param codes codes of the table, {@code [rows, channels]} */
    static void write(QuantizationPlan.Weight table, String codes, Node gather, QdqWriter writer) {
        var graph = writer.graph();
        writer.read(table.node(), table.input(), codes);
        String rows = graph.fresh(gather.output() + "/codes");
        writer.rename(gather.output(), rows);
        boolean ofRows = table.quantizer().axis() == 0 && table.quantizer().block() == 0;
        writer.later(
                ofRows
                        ? () -> restoreRows(table, gather, rows, graph)
                        : () -> table.quantizer().writeRestore(graph, table.tensor(), rows, -1, gather.output()));
    }

    /** Per-row scales are gathered like the rows: DequantizeLinear accepts no scales that vary with the data. */
    private static void restoreRows(QuantizationPlan.Weight table, Node gather, String rows, Graph graph) {
        String picked = graph.fresh(gather.output() + "/scale");
        String numbers = graph.fresh(gather.output() + "/numbers");
        var scale = Tensor.vector(table.quantizer().scale())
                .reshape(table.quantizer().scale().length, 1);
        if (table.quantizer().hasHalfScales()) {
            String halves = graph.fresh(picked + "/half");
            String scales = graph.addConstant(table.tensor() + "/scale", scale.half());
            graph.add(Node.of("Gather", List.of(scales, gather.input(1)), halves));
            graph.add(Node.of("Cast", List.of(halves), picked).with("to", (long) DataType.FLOAT.code()));
        } else {
            String scales = graph.addConstant(table.tensor() + "/scale", scale);
            graph.add(Node.of("Gather", List.of(scales, gather.input(1)), picked));
        }
        graph.add(Node.of("Cast", List.of(rows), numbers).with("to", (long) DataType.FLOAT.code()));
        graph.add(Node.of("Mul", List.of(numbers, picked), gather.output()));
    }
}
