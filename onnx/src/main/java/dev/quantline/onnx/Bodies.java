package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Graphs in attributes of nodes: the bodies of If, Loop and Scan. */
public final class Bodies {
    private Bodies() {}

    /** The bodies in an attribute, usually none. */
    public static List<GraphProto> of(AttributeProto attribute) {
        return attribute.hasG()
                ? Stream.concat(Stream.of(attribute.getG()), attribute.getGraphsList().stream())
                        .toList()
                : attribute.getGraphsList();
    }

    /** The bodies of a node. */
    public static List<GraphProto> of(NodeProto node) {
        return node.getAttributeList().stream()
                .flatMap(attribute -> of(attribute).stream())
                .toList();
    }

    /** The attribute with {@code change} applied to every body. */
    public static AttributeProto changed(AttributeProto attribute, UnaryOperator<GraphProto> change) {
        if (of(attribute).isEmpty()) {
            return attribute;
        }
        var changed = attribute.toBuilder().clearGraphs();
        if (attribute.hasG()) {
            changed.setG(change.apply(attribute.getG()));
        }
        attribute.getGraphsList().forEach(body -> changed.addGraphs(change.apply(body)));
        return changed.build();
    }
}
