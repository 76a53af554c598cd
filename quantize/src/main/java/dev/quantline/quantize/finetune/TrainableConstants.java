package dev.quantline.quantize.finetune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * Which constants of a network are learned parameters: those that layers, tables and normalisations read, and vectors
 * that are added or multiplied. Masks, scalars and constants used for shapes are not.
 */
final class TrainableConstants {
    private TrainableConstants() {}

    /** Their names, in graph order. */
    static List<String> of(Graph graph) {
        var learned = new LinkedHashSet<String>();
        for (var node : graph.nodes()) {
            for (int i = 0; i < node.inputs().size(); i++) {
                var constant = graph.initializers().get(node.input(i));
                if (constant != null
                        && constant.type() == DataType.FLOAT
                        && constant.size() > 1
                        && isParameter(node, i, constant.rank())) {
                    learned.add(node.input(i));
                }
            }
        }
        return List.copyOf(learned);
    }

    private static boolean isParameter(Node node, int input, int rank) {
        return Operators.LAYERS.has(node)
                || node.is("ConvTranspose", "LayerNormalization", "InstanceNormalization", "PRelu")
                || node.is("Gather") && input == 0 && rank == 2
                || node.is("Add", "Mul") && rank == 1;
    }
}
