package dev.quantline.onnx.rewrite;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;

/** Replaces Shape nodes that read tensors of known sizes by constants. */
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
            var shape = Optional.ofNullable(node.is("Shape") ? infos.get(node.input(0)) : null)
                    .flatMap(ValueInfos::shape)
                    .filter(sizes -> LongStream.of(sizes).allMatch(size -> size >= 0));
            shape.ifPresent(sizes -> {
                var cut = cut(sizes, node.intOf("start", 0), node.intOf("end", sizes.length));
                result.initializers().put(node.output(), Tensor.vector(cut));
                known.add(node.output());
            });
            return shape.isPresent() ? List.of() : List.of(node);
        });
        return new Rewritten(result, this, known, List.of());
    }

    private static long[] cut(long[] shape, long start, long end) {
        int from = Math.clamp(start < 0 ? start + shape.length : start, 0, shape.length);
        int to = Math.clamp(end < 0 ? end + shape.length : end, from, shape.length);
        return LongStream.of(shape).skip(from).limit(to - from).toArray();
    }
}
