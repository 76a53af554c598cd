package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import java.util.List;

/**
 * The result of one {@link Pass} or several.
 *
 * @param graph    computes the same in float as the model before
 * @param rewrites what each pass did, in the order in which they ran
 */
public record Rewritten(Graph graph, List<Rewrite> rewrites) {
    /** The result of a single pass; the lists are those of {@link Rewrite}. */
    public Rewritten(Graph graph, Pass pass, List<String> applied, List<String> refused) {
        this(graph, List.of(new Rewrite(pass.name(), applied, refused)));
    }
}
