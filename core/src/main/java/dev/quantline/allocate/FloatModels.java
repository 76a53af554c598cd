package dev.quantline.allocate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import java.util.HashMap;
import java.util.Map;

/**
 * The float model as calibration left it, and as tuning for the base width changed it: the same nodes with other constants.
 * A layer of the base width has the tuned constants, any other the ones from before: weights that were shifted to round well
 * to few bits are no better for more.
 */
public record FloatModels(Graph calibrated, Graph tuned, Width base) {
    /** The model with everything as a width has it. */
    Graph of(Width width) {
        return width.equals(base) ? tuned : calibrated;
    }

    /** The model in which every layer has the constants of its width; those of no layer are the tuned ones. */
    public Graph splice(Map<String, Width> chosen) {
        var owners = owners(chosen);
        var spliced = tuned.copy();
        calibrated.initializers().forEach((name, constant) -> {
            String owner = owners.get(name);
            if (owner != null && !chosen.get(owner).equals(base) && spliced.initializers().containsKey(name)) {
                spliced.initializers().put(name, constant);
            }
        });
        return spliced;
    }

    /** The layer a constant belongs to: the one that reads it, or that makes what it is added to. */
    private Map<String, String> owners(Map<String, Width> layers) {
        var index = tuned.index();
        var owners = new HashMap<String, String>();
        for (var node : tuned.nodes()) {
            if (layers.containsKey(node.name())) {
                node.inputs().forEach(input -> owners.put(input, node.name()));
                for (Node next : index.consumers(node.output())) {
                    if (next.is("Add")) {
                        next.inputs().stream().filter(input -> index.constant(input).isPresent())
                            .forEach(input -> owners.put(input, node.name()));
                    }
                }
            }
        }
        return owners;
    }
}
