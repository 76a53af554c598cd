package dev.quantline.bench.robustness;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Makes models wrong in the ways that files are: not byte by byte, but in what they say. Each mutation is a small edit of a model
 * that some exporter, or somebody who means harm, could write; several follow each other. Pure: equal choices make equal models.
 */
final class ModelMutator {
    private static final int MOST_EDITS = 4;
    /** More bodies than may lie in each other, by a few. */
    private static final int DEEPEST = 12;

    private final ModelProto.Builder model;
    private final Choices choices;

    private ModelMutator(ModelProto.Builder model, Choices choices) {
        this.model = model;
        this.choices = choices;
    }

    private interface Edit {
        void make(ModelMutator mutator);
    }

    private static final List<Edit> EDITS = List.of(
            ModelMutator::attributeValue,
            ModelMutator::attributeValue,
            ModelMutator::attributeForm,
            ModelMutator::newAttribute,
            ModelMutator::operator,
            ModelMutator::edge,
            ModelMutator::edge,
            ModelMutator::output,
            ModelMutator::nodes,
            ModelMutator::body,
            ModelMutator::dims,
            ModelMutator::tensorType,
            ModelMutator::tensorData,
            ModelMutator::tensorValues,
            ModelMutator::tensorPlace,
            ModelMutator::tensorName,
            ModelMutator::value,
            ModelMutator::opset,
            ModelMutator::function);

    /** The model with one to four things wrong. */
    static ModelProto mutated(ModelProto model, Choices choices) {
        var mutator = new ModelMutator(model.toBuilder(), choices);
        int edits = 1 + choices.below(MOST_EDITS);
        for (int i = 0; i < edits; i++) {
            choices.of(EDITS).make(mutator);
        }
        return mutator.model.build();
    }

    private GraphProto.Builder graph() {
        return model.getGraphBuilder();
    }

    /** Nodes everywhere, those of bodies and functions included. */
    private List<NodeProto.Builder> allNodes() {
        var all = new ArrayList<NodeProto.Builder>();
        addNodes(graph().getNodeBuilderList(), all);
        model.getFunctionsBuilderList().forEach(function -> addNodes(function.getNodeBuilderList(), all));
        return all;
    }

    private static void addNodes(List<NodeProto.Builder> nodes, List<NodeProto.Builder> all) {
        for (var node : nodes) {
            all.add(node);
            for (var attribute : node.getAttributeBuilderList()) {
                if (attribute.hasG()) {
                    addNodes(attribute.getGBuilder().getNodeBuilderList(), all);
                }
            }
        }
    }

    private NodeProto.Builder node() {
        var all = allNodes();
        return all.isEmpty() ? graph().addNodeBuilder() : choices.of(all);
    }

    private AttributeProto.Builder attribute() {
        var attributes = allNodes().stream()
                .flatMap(node -> node.getAttributeBuilderList().stream())
                .toList();
        return attributes.isEmpty()
                ? node().addAttributeBuilder().setName(choices.of(Vocabulary.ATTRIBUTES))
                : choices.of(attributes);
    }

    private TensorProto.Builder tensor() {
        var tensors = Stream.concat(
                        graph().getInitializerBuilderList().stream(),
                        allNodes().stream()
                                .flatMap(node -> node.getAttributeBuilderList().stream())
                                .filter(AttributeProto.Builder::hasT)
                                .map(AttributeProto.Builder::getTBuilder))
                .toList();
        return tensors.isEmpty() ? graph().addInitializerBuilder() : choices.of(tensors);
    }

    /** Names in use, mostly. */
    private String name() {
        var names = new ArrayList<>(Vocabulary.NAMES);
        for (var node : allNodes()) {
            names.addAll(node.getOutputList());
            names.addAll(node.getInputList());
        }
        return choices.of(names);
    }

    private long number() {
        return Vocabulary.NUMBERS[choices.below(Vocabulary.NUMBERS.length)];
    }

    private float real() {
        return Vocabulary.FLOATS[choices.below(Vocabulary.FLOATS.length)];
    }

    private void attributeValue() {
        var attribute = attribute();
        if (attribute.getType() == AttributeType.FLOAT) {
            attribute.setF(real());
        } else if (attribute.getIntsCount() > 0) {
            attribute.setInts(choices.below(attribute.getIntsCount()), number());
        } else {
            attribute.setI(number());
        }
    }

    /** What an attribute says of its own type, or how many values it has. */
    private void attributeForm() {
        var attribute = attribute();
        switch (choices.below(6)) {
            case 0 -> attribute.setType(choices.of(List.of(AttributeType.values())));
            case 1 -> attribute.clearInts();
            case 2 -> attribute.addInts(number());
            case 3 -> attribute.setName(choices.of(Vocabulary.ATTRIBUTES));
            case 4 -> attribute.setRefAttrName(choices.of(Vocabulary.ATTRIBUTES));
            default -> attribute.clearI().clearF().clearT().clearS().clearG();
        }
    }

    private void newAttribute() {
        var attribute = node().addAttributeBuilder().setName(choices.of(Vocabulary.ATTRIBUTES));
        switch (choices.below(4)) {
            case 0 -> attribute.setType(AttributeType.INT).setI(number());
            case 1 -> attribute.setType(AttributeType.INTS).addInts(number()).addInts(number());
            case 2 -> attribute.setType(AttributeType.TENSOR).setT(tensor().build());
            default ->
                attribute
                        .setType(AttributeType.GRAPH)
                        .setG(GraphProto.newBuilder().addNode(node().build()));
        }
    }

    private void operator() {
        if (choices.below(4) == 0) {
            node().setDomain(choices.of(Vocabulary.DOMAINS));
        } else {
            node().setOpType(choices.of(Vocabulary.OPERATORS));
        }
    }

    private void edge() {
        var node = node();
        switch (choices.below(4)) {
            case 0 -> node.addInput(name());
            case 1 -> node.clearInput();
            default -> {
                if (node.getInputCount() > 0) {
                    node.setInput(choices.below(node.getInputCount()), name());
                }
            }
        }
    }

    private void output() {
        var node = node();
        switch (choices.below(4)) {
            case 0 -> node.clearOutput();
            case 1 -> node.addOutput(name());
            case 2 -> node.setName(name());
            default -> {
                if (node.getOutputCount() > 0) {
                    node.setOutput(choices.below(node.getOutputCount()), name());
                }
            }
        }
    }

    /** Nodes gone, twice there, or in another order. */
    private void nodes() {
        int count = graph().getNodeCount();
        if (count == 0) {
            return;
        }
        int at = choices.below(count);
        var node = graph().getNode(at);
        switch (choices.below(3)) {
            case 0 -> graph().removeNode(at);
            case 1 -> graph().addNode(node);
            default -> graph().removeNode(at).addNode(0, node);
        }
    }

    /** A node put into bodies of If, one in the other. */
    private void body() {
        int count = graph().getNodeCount();
        if (count == 0) {
            return;
        }
        int at = choices.below(count);
        var inner = graph().getNode(at);
        int depth = 1 + choices.below(DEEPEST);
        for (int i = 0; i < depth; i++) {
            var body = GraphProto.newBuilder().setName("body").addNode(inner);
            inner.getOutputList()
                    .forEach(
                            output -> body.addOutput(ValueInfoProto.newBuilder().setName(output)));
            var wrapped = NodeProto.newBuilder()
                    .setOpType(choices.of(List.of("If", "Loop", "Scan")))
                    .addInput(name());
            inner.getOutputList().forEach(wrapped::addOutput);
            for (String side : List.of("then_branch", "else_branch").subList(0, 1 + choices.below(2))) {
                wrapped.addAttributeBuilder()
                        .setName(side)
                        .setType(AttributeType.GRAPH)
                        .setG(body);
            }
            inner = wrapped.build();
        }
        graph().setNode(at, inner);
    }

    private void dims() {
        var tensor = tensor();
        if (tensor.getDimsCount() == 0 || choices.below(4) == 0) {
            tensor.addDims(number());
        } else if (choices.below(4) == 0) {
            tensor.clearDims();
        } else {
            tensor.setDims(choices.below(tensor.getDimsCount()), number());
        }
    }

    private void tensorType() {
        tensor().setDataType(choices.below(30) - 1);
    }

    /** Bytes too few, too many, or in the list of another type. */
    private void tensorData() {
        var tensor = tensor();
        var raw = tensor.getRawData();
        switch (choices.below(5)) {
            case 0 -> tensor.setRawData(raw.substring(0, choices.below(raw.size() + 1)));
            case 1 -> tensor.setRawData(raw.concat(ByteString.copyFrom(new byte[1 + choices.below(16)])));
            case 2 -> tensor.clearRawData().addFloatData(real());
            case 3 -> tensor.clearRawData().addInt32Data((int) number()).addInt64Data(number());
            default -> tensor.clearRawData();
        }
    }

    /** One value that nothing can be computed with: of sizes as they are, of weights as they may be. */
    private void tensorValues() {
        var tensor = tensor();
        boolean wide = tensor.getDataType() == TensorProto.DataType.INT64.getNumber();
        var bytes = ByteBuffer.wrap(tensor.getRawData().toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        int size = wide ? Long.BYTES : Float.BYTES;
        if (bytes.capacity() < size) {
            return;
        }
        int at = size * choices.below(bytes.capacity() / size);
        if (wide) {
            bytes.putLong(at, number());
        } else {
            bytes.putFloat(at, real());
        }
        tensor.setRawData(ByteString.copyFrom(bytes.array()));
    }

    /** Bytes that are said to lie in another file. */
    private void tensorPlace() {
        var tensor = tensor().setDataLocation(TensorProto.DataLocation.EXTERNAL);
        if (choices.below(2) == 0) {
            tensor.clearRawData();
        }
        tensor.addExternalData(entry("location", choices.of(Vocabulary.LOCATIONS)));
        if (choices.below(2) == 0) {
            tensor.addExternalData(entry("offset", choices.of(Vocabulary.TEXTS)));
        }
        if (choices.below(2) == 0) {
            tensor.addExternalData(entry("length", choices.of(Vocabulary.TEXTS)));
        }
    }

    private static StringStringEntryProto entry(String key, String value) {
        return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
    }

    private void tensorName() {
        switch (choices.below(3)) {
            case 0 -> tensor().setName(name());
            case 1 -> graph().addInitializer(tensor().build());
            default -> graph().addSparseInitializerBuilder().setValues(tensor().build());
        }
    }

    /** An input or output of the graph. */
    private void value() {
        var values = Stream.concat(graph().getInputBuilderList().stream(), graph().getOutputBuilderList().stream())
                .toList();
        if (values.isEmpty()) {
            graph().addInputBuilder().setName(name());
            return;
        }
        var value = choices.of(values);
        var type = value.getTypeBuilder().getTensorTypeBuilder();
        switch (choices.below(6)) {
            case 0 -> value.clearType();
            case 1 -> value.setName(name());
            case 2 -> type.setElemType(choices.below(30) - 1);
            case 3 -> type.getShapeBuilder().addDimBuilder().setDimValue(number());
            case 4 -> type.clearShape();
            default -> graph().clearInput();
        }
    }

    private void opset() {
        if (model.getOpsetImportCount() == 0 || choices.below(3) == 0) {
            model.addOpsetImportBuilder()
                    .setDomain(choices.of(Vocabulary.DOMAINS))
                    .setVersion(number());
        } else if (choices.below(4) == 0) {
            model.removeOpsetImport(choices.below(model.getOpsetImportCount()));
        } else {
            model.getOpsetImportBuilder(choices.below(model.getOpsetImportCount()))
                    .setVersion(choices.below(30));
        }
    }

    /** A function made of nodes of the model, called by one of them, which may be its own. */
    private void function() {
        var function = model.getFunctionsCount() > 0 && choices.below(2) == 0
                ? model.getFunctionsBuilder(choices.below(model.getFunctionsCount()))
                : model.addFunctions(FunctionProto.newBuilder().setDomain("own").setName("F" + choices.below(3)))
                        .getFunctionsBuilder(model.getFunctionsCount() - 1);
        var caller = node().setDomain(function.getDomain()).setOpType(function.getName());
        function.addNode(node().build());
        switch (choices.below(4)) {
            case 0 -> caller.getInputList().forEach(function::addInput);
            case 1 -> caller.getOutputList().forEach(function::addOutput);
            case 2 -> function.addOutput(name());
            default -> function.addAttribute(choices.of(Vocabulary.ATTRIBUTES));
        }
    }
}
