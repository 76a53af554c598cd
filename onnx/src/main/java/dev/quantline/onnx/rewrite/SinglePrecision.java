package dev.quantline.onnx.rewrite;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.Bodies;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.ElementTypes;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.TensorProtos;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Turns FLOAT16 and BFLOAT16 into FLOAT: weights, everything computed from them, and the types that operators are told to
 * produce. Inputs and outputs keep their types, with a Cast after or before them. The model computes the same with fewer
 * roundings and no overflows.
 */
public record SinglePrecision() implements Pass {
    private static final Set<DataType> HALVES = Set.of(DataType.FLOAT16, DataType.BFLOAT16);
    /** Attributes of standard operators that name an element type. */
    private static final Set<String> NAMES_TYPE =
            Set.of("to", "dtype", "output_datatype", "output_dtype", "precision", "stash_type");

    private static final int FLOAT = DataType.FLOAT.code();

    @Override
    public String name() {
        return "16-bit floats widened";
    }

    /** Whether a model has 16-bit floats anywhere. */
    public static boolean isNeeded(Graph model) {
        return Stream.concat(model.inputs().stream(), model.outputs().stream()).anyMatch(info -> isHalf(info.getType()))
                || model.initializers().values().stream().anyMatch(tensor -> HALVES.contains(tensor.type()))
                || model.nodes().stream().anyMatch(node -> !wide(node).equals(node));
    }

    /** A model without 16-bit floats inside; the model itself if it has none. */
    @Override
    public Rewritten apply(Graph model) {
        if (!isNeeded(model)) {
            return new Rewritten(model, this, List.of(), List.of());
        }
        var types = ElementTypes.of(model);
        var halves = types.keySet().stream()
                .filter(tensor -> HALVES.contains(types.get(tensor)))
                .toList();
        return new Rewritten(new Widening(model.copy(), types, new LinkedHashMap<>()).run(), this, halves, List.of());
    }

    /** The graph of one model while it is rewritten. */
    private record Widening(Graph graph, Map<String, DataType> types, Map<String, String> renamed) {
        Graph run() {
            var before = new ArrayList<Node>();
            var behind = new ArrayList<Node>();
            graph.inputs().removeIf(input -> graph.initializers().containsKey(input.getName()));
            graph.initializers().replaceAll((name, tensor) -> wide(tensor));
            graph.inputs().stream()
                    .filter(input -> isHalf(input.getType()))
                    .map(ValueInfoProto::getName)
                    .forEach(name -> before.add(cast(name, inside(name), FLOAT)));
            var made = graph.index();
            for (var output : graph.outputs()) {
                if (isHalf(output.getType()) && made.producer(output.getName()).isPresent()) {
                    behind.add(cast(
                            inside(output.getName()),
                            output.getName(),
                            ValueInfos.type(output).orElseThrow().code()));
                }
            }
            graph.rewrite(node -> List.of(wide(changesNothing(node, types) ? pass(node) : node)
                    .withName(nameOf(node))
                    .mapNames(name -> renamed.getOrDefault(name, name))));
            graph.nodes().addAll(0, before);
            graph.nodes().addAll(behind);
            return graph;
        }

        /** The name that a 16-bit input or output has as a float inside the graph. */
        private String inside(String tensor) {
            return renamed.computeIfAbsent(tensor, name -> graph.fresh(name + "/float"));
        }

        /** Nodes without a name are named after their output, by the name that users know. */
        private String nameOf(Node node) {
            return node.name().isEmpty() && renamed.containsKey(node.output()) ? node.output() : node.name();
        }
    }

    private static Node cast(String from, String to, int type) {
        return Node.of("Cast", List.of(from), to).with("to", (long) type);
    }

    /** Whether a Cast is between floats of two widths, as exporters write around what must not be computed in 16 bits. */
    private static boolean changesNothing(Node node, Map<String, DataType> types) {
        var from = types.get(node.input(0));
        int to = node.is("Cast") ? (int) node.intOf("to", 0) : 0;
        return DataType.isKnown(to) && isFloat(DataType.of(to)) && from != null && isFloat(from);
    }

    private static Node pass(Node cast) {
        return new Node(cast.name(), "Identity", "", cast.inputs(), cast.outputs(), Map.of());
    }

    private static boolean isFloat(DataType type) {
        return type == DataType.FLOAT || HALVES.contains(type);
    }

    private static boolean isHalf(int code) {
        return DataType.isKnown(code) && HALVES.contains(DataType.of(code));
    }

    private static boolean isHalf(TypeProto type) {
        return !wide(type).equals(type);
    }

    private static Tensor wide(Tensor tensor) {
        return HALVES.contains(tensor.type()) ? Tensor.of(tensor.toFloats(), tensor.shape()) : tensor;
    }

    private static Node wide(Node node) {
        var attributes = new LinkedHashMap<>(node.attributes());
        attributes.replaceAll((name, attribute) -> wide(attribute, node.domain().isEmpty()));
        return new Node(node.name(), node.op(), node.domain(), node.inputs(), node.outputs(), attributes);
    }

    private static AttributeProto wide(AttributeProto attribute, boolean standard) {
        var changed = Bodies.changed(attribute, SinglePrecision::wide).toBuilder();
        if (standard && NAMES_TYPE.contains(attribute.getName()) && isHalf((int) attribute.getI())) {
            changed.setI(FLOAT);
        }
        if (attribute.hasT()) {
            changed.setT(wide(attribute.getT()));
        }
        return changed.build();
    }

    private static TensorProto wide(TensorProto tensor) {
        return isHalf(tensor.getDataType())
                ? TensorProtos.toProto(tensor.getName(), wide(TensorProtos.fromProto(tensor)))
                : tensor;
    }

    private static GraphProto wide(GraphProto body) {
        var changed = body.toBuilder()
                .clearNode()
                .clearInitializer()
                .clearInput()
                .clearOutput()
                .clearValueInfo();
        body.getInitializerList().forEach(tensor -> changed.addInitializer(wide(tensor)));
        body.getInputList().forEach(info -> changed.addInput(info.toBuilder().setType(wide(info.getType()))));
        body.getOutputList().forEach(info -> changed.addOutput(info.toBuilder().setType(wide(info.getType()))));
        body.getValueInfoList()
                .forEach(info -> changed.addValueInfo(info.toBuilder().setType(wide(info.getType()))));
        body.getNodeList().forEach(node -> changed.addNode(wide(node)));
        return changed.build();
    }

    private static NodeProto wide(NodeProto node) {
        var changed = node.toBuilder().clearAttribute();
        boolean standard = node.getDomain().isEmpty() || node.getDomain().equals("ai.onnx");
        node.getAttributeList().forEach(attribute -> changed.addAttribute(wide(attribute, standard)));
        return changed.build();
    }

    private static TypeProto wide(TypeProto type) {
        var changed = type.toBuilder();
        if (type.hasTensorType() && isHalf(type.getTensorType().getElemType())) {
            changed.getTensorTypeBuilder().setElemType(FLOAT);
        }
        if (type.hasSequenceType()) {
            changed.getSequenceTypeBuilder()
                    .setElemType(wide(type.getSequenceType().getElemType()));
        }
        if (type.hasOptionalType()) {
            changed.getOptionalTypeBuilder()
                    .setElemType(wide(type.getOptionalType().getElemType()));
        }
        return changed.build();
    }
}
