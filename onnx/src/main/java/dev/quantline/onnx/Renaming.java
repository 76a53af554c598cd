package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.function.UnaryOperator;

/** Renames the tensors that nodes read and write, including bodies of If, Loop and Scan. Omitted names stay omitted. */
final class Renaming {
    private final UnaryOperator<String> rename;

    Renaming(UnaryOperator<String> rename) {
        this.rename = name -> name.isEmpty() ? name : rename.apply(name);
    }

    NodeProto of(NodeProto node) {
        var changed = node.toBuilder().clearInput().clearOutput().clearAttribute();
        node.getInputList().forEach(name -> changed.addInput(rename.apply(name)));
        node.getOutputList().forEach(name -> changed.addOutput(rename.apply(name)));
        node.getAttributeList().forEach(attribute -> changed.addAttribute(Bodies.changed(attribute, this::of)));
        return changed.build();
    }

    private GraphProto of(GraphProto body) {
        var changed = body.toBuilder()
                .clearNode()
                .clearInput()
                .clearOutput()
                .clearInitializer()
                .clearValueInfo();
        body.getInputList().forEach(info -> changed.addInput(info.toBuilder().setName(rename.apply(info.getName()))));
        body.getOutputList().forEach(info -> changed.addOutput(info.toBuilder().setName(rename.apply(info.getName()))));
        body.getInitializerList()
                .forEach(tensor -> changed.addInitializer(tensor.toBuilder().setName(rename.apply(tensor.getName()))));
        body.getNodeList().forEach(node -> changed.addNode(of(node)));
        return changed.build();
    }
}
