package dev.quantline.quantize.plan;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Operators;
import java.util.List;
import java.util.stream.Collectors;

/** Explains why there is nothing to quantize in a model, and what its owner can do. */
public final class NothingToQuantize {
    private static final int MOST_NAMES = 3;

    private NothingToQuantize() {}

    /**
     * The reason, for a canonical model whose {@link Placement} is empty.
     *
     * @param exclude names of nodes or tensors that stay float, globs allowed
     */
    public static String why(Graph model, List<String> exclude) {
        if (!exclude.isEmpty() && !Placement.of(model, List.of()).isEmpty()) {
            return "the model has nothing to quantize: exclude covers all its layers; exclude fewer";
        }
        var given = GivenCodes.layers(model);
        if (!given.isEmpty()) {
            return "nothing left to do: the model is quantized already, and its " + given.size()
                    + " quantized layers stay as they are (" + some(given)
                    + "); start from the float model to quantize them differently";
        }
        var doubles = model.nodes().stream()
                .filter(node -> Operators.LAYERS.has(node)
                        && node.inputs().stream()
                                .map(model.initializers()::get)
                                .anyMatch(weight -> weight != null && weight.type() == DataType.DOUBLE))
                .toList();
        if (!doubles.isEmpty()) {
            return "the model has nothing to quantize: the weights of " + doubles.getFirst()
                    + " are of type DOUBLE; export the model in float32";
        }
        long inside = SubgraphBodies.products(model);
        return "the model has nothing to quantize: no MatMul, Gemm or Conv with constant weights"
                + (inside == 0
                        ? ""
                        : " outside bodies of If, Loop and Scan; " + inside
                                + " are inside; export the model without those bodies");
    }

    private static String some(List<String> names) {
        return names.stream().limit(MOST_NAMES).collect(Collectors.joining(", "))
                + (names.size() > MOST_NAMES ? " and " + (names.size() - MOST_NAMES) + " more" : "");
    }
}
