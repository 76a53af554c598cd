package dev.quantline.quantize.export;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.rewrite.SinglePrecision;
import dev.quantline.quantize.plan.GivenCodes;
import dev.quantline.quantize.plan.SubgraphBodies;
import java.util.ArrayList;
import java.util.List;

/** What a user should know about the quantized form of a model before anything is measured. */
final class Notes {
    private Notes() {}

    /**
     * What happens to parts of a model that are not plain float32 layers.
     *
     * @param original the model as given
     * @param model    the canonical form that was quantized
     */
    static List<String> of(Graph original, Graph model) {
        var notes = new ArrayList<String>();
        var given = GivenCodes.layers(model);
        if (!given.isEmpty()) {
            notes.add("layers that were already quantized stay as they are: %s".formatted(String.join(", ", given)));
        }
        if (SinglePrecision.isNeeded(original)) {
            notes.add(
                    "the model's 16-bit floats are computed in float32, except in quantized layers; inputs and outputs keep their types");
        }
        long inside = SubgraphBodies.products(model);
        if (inside > 0) {
            notes.add("%d products in bodies of If, Loop or Scan stay in float".formatted(inside));
        }
        return notes;
    }
}
