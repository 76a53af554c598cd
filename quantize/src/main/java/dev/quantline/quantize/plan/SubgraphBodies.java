package dev.quantline.quantize.plan;

import ai.onnx.proto.OnnxMl.GraphProto;
import dev.quantline.onnx.Bodies;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Operators;

/** Bodies of If, Loop and Scan, in which everything stays float. */
public final class SubgraphBodies {
    private SubgraphBodies() {}

    /** Number of products, by standard operators, inside bodies. */
    public static long products(Graph graph) {
        return graph.nodes().stream()
                .flatMap(node -> node.attributes().values().stream())
                .flatMap(attribute -> Bodies.of(attribute).stream())
                .mapToLong(SubgraphBodies::products)
                .sum();
    }

    private static long products(GraphProto body) {
        return body.getNodeList().stream()
                .mapToLong(node -> (Operators.LAYERS.has(node.getOpType()) ? 1 : 0)
                        + Bodies.of(node).stream()
                                .mapToLong(SubgraphBodies::products)
                                .sum())
                .sum();
    }
}
