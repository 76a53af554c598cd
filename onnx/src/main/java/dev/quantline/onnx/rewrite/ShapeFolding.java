package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/** Makes constants of the Shape nodes that read tensors of known sizes. */
public record ShapeFolding() implements Pass {
    @Override
    public String name() {
        return "shapes folded";
    }

    @Override
    public Rewritten apply(Graph graph) {
        var result = graph.copy();
        var known = new ArrayList<String>();
        var infos = OnnxLibrary.inferShapes(graph);
        result.rewrite(node -> {
            var shape = node.is("Shape") && infos.containsKey(node.input(0))
                    ? ValueInfos.shape(infos.get(node.input(0))).orElse(new long[] {-1})
                    : new long[] {-1};
            if (!node.is("Shape") || LongStream.of(shape).anyMatch(size -> size < 0)) {
                return List.of(node);
            }
            result.initializers()
                    .put(
                            node.output(),
                            Tensor.vector(cut(shape, node.intOf("start", 0), node.intOf("end", shape.length))));
            known.add(node.output());
            return List.of();
        });
        return new Rewritten(result, this, known, List.of());
    }

    private static long[] cut(long[] shape, long start, long end) {
        int from = Math.clamp(start < 0 ? start + shape.length : start, 0, shape.length);
        int to = Math.clamp(end < 0 ? end + shape.length : end, from, shape.length);
        return LongStream.of(shape).skip(from).limit(to - from).toArray();
    }
}
