package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * A model open for editing: nodes in an executable order, initializers by name, inputs and outputs. Everything else in the file
 * (metadata, documentation, other operator sets) is carried along unchanged. Functions that the model itself defines are inlined.
 *
 * <p>Passes take a graph and return a changed {@link #copy}; copies share tensors, which are never modified.
 */
public final class Graph {
    private final ModelProto frame;
    private final List<ValueInfoProto> inputs;
    private final List<ValueInfoProto> outputs;
    private final Map<String, Tensor> initializers;
    private List<Node> nodes;
    private final Set<String> taken = new HashSet<>();

    private Graph(
            ModelProto frame,
            List<ValueInfoProto> inputs,
            List<ValueInfoProto> outputs,
            Map<String, Tensor> initializers,
            List<Node> nodes) {
        this.frame = frame;
        this.inputs = new ArrayList<>(inputs);
        this.outputs = new ArrayList<>(outputs);
        this.initializers = new Initializers(initializers);
        this.nodes = new ArrayList<>(nodes);
    }

    /** An empty graph at the given opset of the standard operators. */
    public static Graph empty(int opset) {
        var frame = ModelProto.newBuilder()
                .setIrVersion(irVersion(opset))
                .setProducerName("quantline")
                .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
                .setGraph(GraphProto.newBuilder().setName("graph"))
                .build();
        return new Graph(frame, List.of(), List.of(), Map.of(), List.of());
    }

    /**
     * Opens a parsed model whose tensors are inline; files are read by {@link ModelFile}.
     *
     * @throws BadInput naming the tensor that cannot be decoded, or the function that cannot be inlined
     */
    public static Graph of(ModelProto model) {
        return of(model, TensorProtos::fromProto);
    }

    static Graph of(ModelProto given, TensorReader reader) {
        var model = Functions.writtenOut(given);
        var graph = model.getGraph();
        var initializers = new LinkedHashMap<String, Tensor>();
        var kept = new ArrayList<TensorProto>();
        for (var proto : graph.getInitializerList()) {
            if (DataType.isKnown(proto.getDataType())) {
                initializers.put(proto.getName(), reader.read(proto));
            } else {
                kept.add(proto);
            }
        }
        var frame = model.toBuilder()
                .setGraph(graph.toBuilder()
                        .clearNode()
                        .clearInitializer()
                        .addAllInitializer(kept)
                        .clearInput()
                        .clearOutput()
                        .clearValueInfo())
                .build();
        return new Graph(
                frame,
                graph.getInputList(),
                graph.getOutputList(),
                initializers,
                graph.getNodeList().stream().map(Node::of).toList());
    }

    /** Decodes one initializer of a file. */
    interface TensorReader {
        Tensor read(TensorProto proto);
    }

    /** The model as one protobuf message with inline tensors; fails above protobuf's limit of 2 GB. */
    public ModelProto toProto() {
        return toProto(TensorProtos::toProto);
    }

    /** The same with these constants only declared: their values must be provided when the model is loaded. */
    public ModelProto toProtoWithout(Set<String> constants) {
        return toProto((name, tensor) -> constants.contains(name)
                ? ExternalData.declared(name, tensor, "memory", 0)
                : TensorProtos.toProto(name, tensor));
    }

    ModelProto toProto(TensorWriter writer) {
        var graph = frame.getGraph().toBuilder().addAllInput(inputs).addAllOutput(outputs);
        initializers.forEach((name, tensor) -> graph.addInitializer(writer.write(name, tensor)));
        nodes.forEach(node -> graph.addNode(node.toProto()));
        return frame.toBuilder().setGraph(graph).build();
    }

    /** Encodes one initializer for a file. */
    interface TensorWriter {
        TensorProto write(String name, Tensor tensor);
    }

    /** An independent copy that shares the tensors. */
    public Graph copy() {
        return new Graph(frame, inputs, outputs, initializers, nodes);
    }

    /** A copy in which {@code change} was applied to the parts of the file around the graph. */
    private Graph withFrame(UnaryOperator<ModelProto.Builder> change) {
        return new Graph(change.apply(frame.toBuilder()).build(), inputs, outputs, initializers, nodes);
    }

    /** A copy that declares {@code version} of the operator set {@code domain} (empty: standard). Nodes are not converted. */
    public Graph withOpset(String domain, int version) {
        return withFrame(frame -> {
            var others = frame.getOpsetImportList().stream()
                    .filter(imported -> !sameDomain(imported.getDomain(), domain))
                    .toList();
            long ir = domain.isEmpty() ? Math.max(frame.getIrVersion(), irVersion(version)) : frame.getIrVersion();
            return frame.clearOpsetImport()
                    .addAllOpsetImport(others)
                    .setIrVersion(ir)
                    .addOpsetImport(
                            OperatorSetIdProto.newBuilder().setDomain(domain).setVersion(version));
        });
    }

    /** A copy with these metadata entries added or replaced. */
    public Graph withMetadata(Map<String, String> entries) {
        return withFrame(frame -> {
            var kept = frame.getMetadataPropsList().stream()
                    .filter(entry -> !entries.containsKey(entry.getKey()))
                    .toList();
            frame.clearMetadataProps().addAllMetadataProps(kept);
            entries.forEach((key, value) -> frame.addMetadataProps(
                    StringStringEntryProto.newBuilder().setKey(key).setValue(value)));
            return frame;
        });
    }

    /** Metadata of the file. */
    public Map<String, String> metadata() {
        var entries = new LinkedHashMap<String, String>();
        frame.getMetadataPropsList().forEach(entry -> entries.put(entry.getKey(), entry.getValue()));
        return entries;
    }

    /** Version of the standard operator set in which the graph is written. */
    public int opset() {
        return frame.getOpsetImportList().stream()
                .filter(imported -> sameDomain(imported.getDomain(), ""))
                .mapToInt(imported -> (int) imported.getVersion())
                .max()
                .orElse(1);
    }

    private static boolean sameDomain(String imported, String domain) {
        return imported.equals(domain) || domain.isEmpty() && imported.equals("ai.onnx");
    }

    private static int irVersion(int opset) {
        return opset <= 12 ? 7 : opset <= 18 ? 8 : opset <= 20 ? 9 : 10;
    }

    public List<ValueInfoProto> inputs() {
        return inputs;
    }

    public List<ValueInfoProto> outputs() {
        return outputs;
    }

    /** Constants by name, which may be edited. */
    public Map<String, Tensor> initializers() {
        return initializers;
    }

    /** Nodes in an executable order, which may be edited. */
    public List<Node> nodes() {
        return nodes;
    }

    /** The node of this name; names are unique in a canonical model. */
    public Optional<Node> node(String name) {
        return nodes.stream().filter(node -> node.name().equals(name)).findFirst();
    }

    /** Replaces the node of the same name. */
    public void replace(Node changed) {
        nodes.replaceAll(node -> node.name().equals(changed.name()) ? changed : node);
    }

    /** A new index of producers and consumers. */
    public GraphIndex index() {
        return new GraphIndex(this);
    }

    /** Replaces every node by the result of {@code change}, which may be empty or several nodes. */
    public void rewrite(Function<Node, List<Node>> change) {
        nodes = new ArrayList<>(
                nodes.stream().flatMap(node -> change.apply(node).stream()).toList());
    }

    /** An unused tensor or node name: {@code base} itself if it is free. */
    public String fresh(String base) {
        if (taken.isEmpty()) {
            frame.getGraph().getInitializerList().forEach(tensor -> taken.add(tensor.getName()));
            inputs.forEach(input -> taken.add(input.getName()));
            outputs.forEach(output -> taken.add(output.getName()));
            taken.addAll(initializers.keySet());
            for (var node : nodes) {
                taken.add(node.name());
                taken.addAll(node.outputs());
                taken.addAll(node.captured());
                taken.addAll(node.inner());
            }
        }
        String name = base;
        for (int i = 1; !taken.add(name) || initializers.containsKey(name); i++) {
            name = base + "_" + i;
        }
        return name;
    }

    /** Adds a constant under an unused name derived from {@code base} and returns that name. */
    public String addConstant(String base, Tensor tensor) {
        String name = fresh(base);
        initializers.put(name, tensor);
        return name;
    }

    /** Appends a node and returns the name of its output. */
    public String add(Node node) {
        nodes.add(node);
        return node.output();
    }

    /** Sorts nodes into an executable order. @throws BadInput naming a node on a cycle or one that reads a tensor without producer */
    public void sort() {
        nodes = new ArrayList<>(Ordering.topological(this, frame.getGraph()));
    }

    /** Removes nodes and initializers that no output depends on. Requires sorted nodes. */
    public void prune() {
        var needed = new HashSet<String>();
        outputs.forEach(output -> needed.add(output.getName()));
        var kept = new ArrayList<Node>();
        for (var node : nodes.reversed()) {
            if (node.outputs().stream().anyMatch(needed::contains)) {
                kept.add(node);
                needed.addAll(node.inputs());
                needed.addAll(node.captured());
            }
        }
        nodes = new ArrayList<>(kept.reversed());
        initializers.keySet().retainAll(needed);
    }
}
