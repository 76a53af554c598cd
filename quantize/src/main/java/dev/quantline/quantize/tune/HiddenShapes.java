package dev.quantline.quantize.tune;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Shapes after operators of other domains, which shape inference does not know: running them shows how many axes there are. */
final class HiddenShapes {
    private HiddenShapes() {}

    /**
     * Tensors whose rank only running the graph reveals, with all their sizes open.
     *
     * @param part   the graph that contains them
     * @param inputs some samples for it
     */
    static Map<String, long[]> of(Graph part, Map<String, Tensor> inputs, Provider provider) {
        var hidden = hidden(part);
        var shapes = new LinkedHashMap<String, long[]>();
        if (!hidden.isEmpty()) {
            var shown = part.copy();
            shown.outputs().clear();
            hidden.forEach(tensor -> shown.outputs()
                    .add(ValueInfoProto.newBuilder().setName(tensor).build()));
            try (var session = Session.open(shown, provider, Session.Optimization.NONE)) {
                session.run(inputs).forEach((tensor, value) -> {
                    var shape = new long[value.rank()];
                    Arrays.fill(shape, -1);
                    shapes.put(tensor, shape);
                });
            }
        }
        return shapes;
    }

    private static List<String> hidden(Graph part) {
        var foreign = part.nodes().stream()
                .filter(node -> !node.domain().isEmpty())
                .flatMap(node -> node.outputs().stream())
                .filter(tensor -> !tensor.isEmpty())
                .toList();
        var known = foreign.isEmpty() ? Map.<String, ValueInfoProto>of() : OnnxLibrary.inferShapes(part);
        return foreign.stream()
                .filter(tensor -> !known.containsKey(tensor)
                        || ValueInfos.shape(known.get(tensor)).isEmpty())
                .toList();
    }
}
