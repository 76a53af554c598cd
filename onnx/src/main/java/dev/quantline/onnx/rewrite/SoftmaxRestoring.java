package dev.quantline.onnx.rewrite;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.ValueInfos;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;

/**
 * Before opset 13, Softmax flattened its input to two axes, which conversion expresses as Flatten, Softmax, Reshape. If
 * only the last axis was normalised, this is a single modern Softmax, which runtimes fuse and quantizers recognise.
 */
record SoftmaxRestoring() implements Pass {
    @Override
    public String name() {
        return "softmax restored";
    }

    @Override
    public Rewritten apply(Graph model) {
        var graph = model.copy();
        var index = graph.index();
        var shapes = OnnxLibrary.inferShapes(graph);
        var restored = new HashMap<String, Node>();
        for (var reshape : graph.nodes()) {
            var softmax = reshape.is("Reshape")
                    ? index.producer(reshape.input(0), "Softmax", "LogSoftmax")
                    : Optional.<Node>empty();
            var flatten = softmax.flatMap(node -> index.producer(node.input(0), "Flatten"));
            var shape = index.producer(reshape.is("Reshape") ? reshape.input(1) : "", "Shape");
            if (flatten.isPresent()
                    && shape.isPresent()
                    && shape.get().input(0).equals(flatten.get().input(0))
                    && isLast(
                            flatten.get().intOf("axis", 1),
                            shapes.get(flatten.get().input(0)))
                    && index.onlyConsumer(softmax.get().output()).isPresent()) {
                restored.put(
                        reshape.name(),
                        softmax.get()
                                .withInputs(List.of(flatten.get().input(0)))
                                .withOutputs(reshape.outputs())
                                .with("axis", -1L));
            }
        }
        graph.rewrite(node -> List.of(restored.getOrDefault(node.name(), node)));
        graph.prune();
        return new Rewritten(graph, this, List.copyOf(restored.keySet()), List.of());
    }

    private static boolean isLast(long axis, ValueInfoProto info) {
        var shape = info == null ? Optional.<long[]>empty() : ValueInfos.shape(info);
        return axis == -1 || shape.isPresent() && axis == shape.get().length - 1;
    }
}
