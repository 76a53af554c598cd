package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The size of a model once its functions are inlined, computed without inlining them: a few hundred bytes of file can
 * expand to any number of nodes, or call themselves.
 */
final class Expansion {
    /** Largest size of one protobuf message. */
    private static final long MOST_BYTES = Integer.MAX_VALUE;

    private static final int DEEPEST = 100;

    private final Map<String, FunctionProto> functions;
    private final Map<String, Size> sizes = new HashMap<>();
    private final Set<String> open = new HashSet<>();

    /** The size that nodes expand to, capped far above any limit. */
    private record Size(long nodes, long bytes) {
        static final Size NONE = new Size(0, 0);

        Size plus(Size other) {
            return new Size(capped(nodes, other.nodes), capped(bytes, other.bytes));
        }

        private static long capped(long one, long other) {
            return Math.min(Long.MAX_VALUE / 4, one + other);
        }
    }

    private Expansion(Map<String, FunctionProto> functions) {
        this.functions = functions;
    }

    /**
     * Checks that the functions of a model can be inlined.
     *
     * @throws BadInput naming the function that calls itself, is nested too deeply or expands to too much
     */
    static void check(ModelProto model, Map<String, FunctionProto> functions) {
        var expansion = new Expansion(functions);
        functions.keySet().forEach(expansion::sizeOf);
        long most = Limit.NODES.value();
        var whole = expansion.sizeOf(model.getGraph().getNodeList());
        if (whole.nodes > most || whole.bytes > MOST_BYTES) {
            throw new BadInput("inlined, the model's functions make more than " + most + " nodes or " + MOST_BYTES
                    + " bytes: export the model without functions");
        }
    }

    private Size sizeOf(String function) {
        var known = sizes.get(function);
        if (known != null) {
            return known;
        }
        if (!open.add(function)) {
            throw new BadInput("function '" + function + "' calls itself: export the model without functions");
        }
        if (open.size() > DEEPEST) {
            throw new BadInput("functions call each other more than " + DEEPEST + " levels deep, down to '" + function
                    + "': export the model without functions");
        }
        var size = sizeOf(functions.get(function).getNodeList());
        open.remove(function);
        sizes.put(function, size);
        return size;
    }

    private Size sizeOf(List<NodeProto> nodes) {
        return nodes.stream().map(this::sizeOf).reduce(Size.NONE, Size::plus);
    }

    private Size sizeOf(NodeProto node) {
        var size = new Size(1, node.getSerializedSize());
        for (var body : Bodies.of(node)) {
            size = size.plus(sizeOf(body.getNodeList()));
        }
        String called = Functions.called(node);
        return functions.containsKey(called) ? size.plus(sizeOf(called)) : size;
    }
}
