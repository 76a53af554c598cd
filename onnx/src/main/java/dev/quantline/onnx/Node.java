package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * One operator call. Immutable; edits return a changed copy.
 *
 * @param name       unique in a canonical graph, possibly empty before
 * @param domain     operator set; empty for the standard one
 * @param inputs     tensor names; an empty name is an omitted optional input
 * @param outputs    tensor names; an empty name is an unused optional output
 * @param attributes by name, in file order
 */
public record Node(
        String name,
        String op,
        String domain,
        List<String> inputs,
        List<String> outputs,
        Map<String, AttributeProto> attributes) {

    public Node {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        attributes = new LinkedHashMap<>(attributes);
    }

    /** A node of the standard operator set without attributes, named after its first output. */
    public static Node of(String op, List<String> inputs, String... outputs) {
        return new Node(outputs[0] + "/" + op, op, "", inputs, List.of(outputs), Map.of());
    }

    static Node of(NodeProto proto) {
        var attributes = new LinkedHashMap<String, AttributeProto>();
        proto.getAttributeList().forEach(attribute -> attributes.put(attribute.getName(), attribute));
        String domain = proto.getDomain().equals("ai.onnx") ? "" : proto.getDomain();
        return new Node(
                proto.getName(), proto.getOpType(), domain, proto.getInputList(), proto.getOutputList(), attributes);
    }

    NodeProto toProto() {
        return NodeProto.newBuilder()
                .setName(name)
                .setOpType(op)
                .setDomain(domain)
                .addAllInput(inputs)
                .addAllOutput(outputs)
                .addAllAttribute(attributes.values())
                .build();
    }

    /** Whether this is one of these standard operators. */
    public boolean is(String... ops) {
        return domain.isEmpty() && Arrays.asList(ops).contains(op);
    }

    /** Name of input {@code i}; empty if omitted. */
    public String input(int i) {
        return i < inputs.size() ? inputs.get(i) : "";
    }

    /** Whether optional input {@code i} is given. */
    public boolean hasInput(int i) {
        return !input(i).isEmpty();
    }

    /** The other input of a binary operator than {@code operand}; {@code operand} itself if it is both. */
    public String beside(String operand) {
        return input(input(0).equals(operand) ? 1 : 0);
    }

    /** Name of output {@code i}; empty if unused. */
    public String output(int i) {
        return i < outputs.size() ? outputs.get(i) : "";
    }

    /** The first output. */
    public String output() {
        return outputs.getFirst();
    }

    public Node withName(String newName) {
        return new Node(newName, op, domain, inputs, outputs, attributes);
    }

    public Node withDomain(String newDomain) {
        return new Node(name, op, newDomain, inputs, outputs, attributes);
    }

    public Node withInputs(List<String> newInputs) {
        return new Node(name, op, domain, newInputs, outputs, attributes);
    }

    /** The same call with input {@code i} replaced; missing inputs before it become empty names. */
    public Node withInput(int i, String tensor) {
        var changed = new ArrayList<>(inputs);
        while (changed.size() <= i) {
            changed.add("");
        }
        changed.set(i, tensor);
        return withInputs(changed);
    }

    public Node withOutputs(List<String> newOutputs) {
        return new Node(name, op, domain, inputs, newOutputs, attributes);
    }

    /** The same call with every input name mapped. */
    public Node mapInputs(UnaryOperator<String> rename) {
        return withInputs(inputs.stream()
                .map(input -> input.isEmpty() ? "" : rename.apply(input))
                .toList());
    }

    /** The same call with every tensor name mapped, including its outputs and the names that bodies read and define. */
    public Node mapNames(UnaryOperator<String> rename) {
        return of(new Renaming(rename).of(toProto()));
    }

    /** The same call with one attribute set: long, int, float, String, long[], float[] or {@link Tensor}. */
    public Node with(String attribute, Object value) {
        var changed = new LinkedHashMap<>(attributes);
        changed.put(attribute, Attributes.of(attribute, value));
        return new Node(name, op, domain, inputs, outputs, changed);
    }

    public boolean has(String attribute) {
        return attributes.containsKey(attribute);
    }

    public long intOf(String attribute, long otherwise) {
        return has(attribute) ? attributes.get(attribute).getI() : otherwise;
    }

    public float floatOf(String attribute, float otherwise) {
        return has(attribute) ? attributes.get(attribute).getF() : otherwise;
    }

    public String stringOf(String attribute, String otherwise) {
        return has(attribute) ? attributes.get(attribute).getS().toStringUtf8() : otherwise;
    }

    /** Integers of a list attribute, or {@code otherwise} (which may be null) if it is missing. */
    public long[] intsOf(String attribute, long[] otherwise) {
        return has(attribute)
                ? attributes.get(attribute).getIntsList().stream()
                        .mapToLong(Long::longValue)
                        .toArray()
                : otherwise;
    }

    /** Names that bodies of If, Loop and Scan read from the surrounding graph. */
    public Set<String> captured() {
        return names(Node::captured);
    }

    /** Names that bodies of If, Loop and Scan define themselves, which must differ from all surrounding names. */
    Set<String> inner() {
        return names(Node::inner);
    }

    private Set<String> names(Function<GraphProto, Set<String>> ofBody) {
        var names = new LinkedHashSet<String>();
        attributes
                .values()
                .forEach(attribute -> Bodies.of(attribute).forEach(body -> names.addAll(ofBody.apply(body))));
        return names;
    }

    private static Set<String> inner(GraphProto body) {
        var names = new LinkedHashSet<>(defined(body));
        body.getNodeList().forEach(proto -> names.addAll(of(proto).inner()));
        return names;
    }

    private static Set<String> defined(GraphProto body) {
        var names = new LinkedHashSet<String>();
        body.getInputList().forEach(input -> names.add(input.getName()));
        body.getInitializerList().forEach(tensor -> names.add(tensor.getName()));
        body.getNodeList().forEach(node -> names.addAll(node.getOutputList()));
        return names;
    }

    private static Set<String> captured(GraphProto body) {
        var read = new LinkedHashSet<String>();
        for (var proto : body.getNodeList()) {
            read.addAll(proto.getInputList());
            read.addAll(of(proto).captured());
        }
        body.getOutputList().forEach(output -> read.add(output.getName()));
        read.removeAll(defined(body));
        read.remove("");
        return read;
    }

    @Override
    public String toString() {
        return op + " node '" + name + "'";
    }
}
