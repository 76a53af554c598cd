package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import java.util.Set;
import org.bytedeco.onnx.OpSchemaRegistry;

/**
 * What the ONNX library can be shown of a model that is newer than itself. Between its newest version and the newest version
 * that ONNX Runtime supports, operators were added and some got an attribute or more types, but none computes anything else
 * (compared schema by schema, opset 22 with 26). The model is therefore presented in the library's version, with unknown
 * operators in a separate domain, which the library ignores.
 */
final class KnownPart {
    /** The newest version of the standard operators that the library knows. */
    static final int OPSET = 22;

    private static final int IR = 10;
    private static final String NEWER = "newer.onnx";
    private static final Set<String> NEWER_ATTRIBUTES = Set.of("output_dtype", "precision", "round_mode");

    private KnownPart() {}

    /** The model itself if the library knows its version. */
    static ModelProto of(ModelProto model) {
        var known = model.toBuilder()
                .setIrVersion(Math.min(model.getIrVersion(), IR))
                .clearOpsetImport();
        boolean newer = false;
        for (var imported : model.getOpsetImportList()) {
            boolean tooNew = isOnnx(imported.getDomain()) && imported.getVersion() > OPSET;
            newer |= tooNew;
            known.addOpsetImport(tooNew ? imported.toBuilder().setVersion(OPSET).build() : imported);
        }
        return newer
                ? known.addOpsetImport(
                                OperatorSetIdProto.newBuilder().setDomain(NEWER).setVersion(1))
                        .setGraph(of(model.getGraph()))
                        .build()
                : known.build();
    }

    private static GraphProto of(GraphProto graph) {
        var known = graph.toBuilder().clearNode();
        graph.getNodeList().forEach(node -> known.addNode(of(node)));
        return known.build();
    }

    private static NodeProto of(NodeProto node) {
        var known = node.toBuilder().clearAttribute();
        node.getAttributeList().forEach(attribute -> known.addAttribute(Bodies.changed(attribute, KnownPart::of)));
        boolean newer = isOnnx(node.getDomain())
                && (OpSchemaRegistry.Schema(node.getOpType(), OPSET, "") == null
                        || node.getAttributeList().stream()
                                .anyMatch(attribute -> NEWER_ATTRIBUTES.contains(attribute.getName())));
        return newer ? known.setDomain(NEWER).build() : known.build();
    }

    private static boolean isOnnx(String domain) {
        return domain.isEmpty() || domain.equals("ai.onnx");
    }
}
