package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Quantizer;
import java.util.HashMap;
import java.util.Map;

/** Which quantized tensors share a quantizer: an operator that only moves values keeps the codes and must keep the quantizer. */
final class SharedQuantizers {
    private static final String[] MOVES = {
        "MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Split", "Slice", "DepthToSpace"
    };

    private final Map<String, String> roots = new HashMap<>();

    SharedQuantizers(Graph model, QuantizationPlan plan) {
        var quantizers = new HashMap<String, Quantizer>();
        plan.activations().forEach(planned -> quantizers.put(planned.tensor(), planned.quantizer()));
        for (var node : model.nodes()) {
            for (String output : node.outputs()) {
                boolean moved = node.is(MOVES)
                        && quantizers.containsKey(output)
                        && quantizers.get(output).equals(quantizers.get(node.input(0)));
                roots.put(output, moved ? rootOf(node.input(0)) : output);
            }
        }
    }

    /** The tensor whose quantizer this one shares; usually itself. */
    String rootOf(String tensor) {
        return roots.getOrDefault(tensor, tensor);
    }
}
