package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.ArrayList;
import java.util.List;

/** The float model that all later stages work on. */
public final class PreparedModel {
    private PreparedModel() {}

    /**
     * Prepares a model. What brings it into {@link Canonical} form is not reported.
     *
     * @param equalize whether ranges of weights are balanced between convolutions in a row
     * @throws dev.quantline.onnx.BadInput when the model is unusable
     */
    public static Rewritten of(Graph original, boolean equalize) {
        var passes = new ArrayList<Pass>(List.of(new BatchNormFolding(), new BranchMerging(), new DeadChannels()));
        if (equalize) {
            passes.add(new Equalization());
        }
        return Pass.all(passes, Canonical.of(original));
    }

    /** Prepares a model without equalization. @throws dev.quantline.onnx.BadInput when the model is unusable */
    public static Graph prepare(Graph original) {
        return of(original, false).graph();
    }
}
