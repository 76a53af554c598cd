package dev.quantline.quantize.allocate;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Extracts parts of a graph as graphs of their own. */
final class Segment {
    private final Graph model;
    private final Map<String, ValueInfoProto> types;

    Segment(Graph model) {
        this.model = model;
        types = OnnxLibrary.inferShapes(model);
    }

    /** Names that the nodes read but do not compute; constants of the model are not among them. */
    Set<String> reads(Collection<Node> nodes) {
        var made = new HashSet<String>();
        var read = new LinkedHashSet<String>();
        for (var node : nodes) {
            read.addAll(node.inputs());
            read.addAll(node.captured());
            made.addAll(node.outputs());
        }
        read.removeAll(made);
        read.removeAll(model.initializers().keySet());
        read.remove("");
        return read;
    }

    /**
     * The graph of those of some nodes that the outputs depend on.
     *
     * @param nodes in an executable order
     * @param known tensors that it may be fed with, of the types and ranks that they will have
     */
    Graph of(List<Node> nodes, Map<String, Tensor> known, Collection<String> outputs) {
        var kept = nodes.stream().map(Node::name).collect(Collectors.toSet());
        var part = model.copy();
        part.rewrite(node -> kept.contains(node.name()) ? List.of(node) : List.of());
        part.outputs().clear();
        outputs.forEach(output -> part.outputs().add(declared(output)));
        part.prune();
        part.inputs().clear();
        for (String input : reads(part.nodes())) {
            var open = known.get(input).shape();
            Arrays.fill(open, -1);
            part.inputs().add(ValueInfos.of(input, known.get(input).type(), open));
        }
        return part;
    }

    /** The type alone: shapes follow from the inputs. */
    private ValueInfoProto declared(String tensor) {
        var type = types.containsKey(tensor) ? ValueInfos.type(types.get(tensor)) : Optional.<DataType>empty();
        return type.map(known -> ValueInfos.of(tensor, known))
                .orElseGet(() -> ValueInfoProto.newBuilder().setName(tensor).build());
    }
}
