package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.ArrayList;
import java.util.List;

/** The float model that all later stages work on. */
public final class PreparedModel {
    private PreparedModel() {}

    /**
     * Prepares a model. The steps that bring it into {@link Canonical} form are not reported.
     *
     * @param equalize whether to balance weight ranges between consecutive convolutions
     * @throws dev.quantline.onnx.BadInput if the model is unusable
     */
    public static Rewritten of(Graph original, boolean equalize) {
        var passes = new ArrayList<Pass>(List.of(new BatchNormFolding(), new BranchMerging(), new DeadChannels()));
        if (equalize) {
            passes.add(new Equalization());
        }
        return Pass.all(passes, Canonical.of(original));
    }

    /** Prepares a model without equalization. @throws dev.quantline.onnx.BadInput if the model is unusable */
    public static Graph prepare(Graph original) {
        return of(original, false).graph();
    }
}
