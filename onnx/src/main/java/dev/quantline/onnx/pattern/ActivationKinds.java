package dev.quantline.onnx.pattern;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Names the activations of a canonical graph by what they are. */
public final class ActivationKinds {
    /** What these give is of the same kind as what they read. */
    private static final Set<String> PASSING = Set.of(
            "Identity",
            "Cast",
            "Dropout",
            "Reshape",
            "Flatten",
            "Transpose",
            "Squeeze",
            "Unsqueeze",
            "Slice",
            "Split",
            "Expand",
            "Tile",
            "Pad",
            "DepthToSpace",
            "SpaceToDepth",
            "Resize",
            "MaxPool",
            "AveragePool",
            "GlobalAveragePool",
            "GlobalMaxPool",
            "ReduceMean",
            "Relu",
            "LeakyRelu",
            "PRelu",
            "Clip",
            "BatchNormalization");

    private static final Set<String> SCALING = Set.of("Add", "Sub", "Mul", "Div");

    private final GraphIndex index;
    private final GatedActivations gated;
    private final Map<String, ActivationKind> made = new HashMap<>();

    /** Names the activations of the graph as it was when the index was taken. */
    public ActivationKinds(GraphIndex index) {
        this.index = index;
        gated = new GatedActivations(index);
    }

    /** What {@code tensor} is. */
    public ActivationKind kindOf(String tensor) {
        var kind = made(tensor);
        boolean product = index.consumers(tensor).stream().anyMatch(this::isOfActivations);
        return product && kind != ActivationKind.SOFTMAX ? ActivationKind.ATTENTION : kind;
    }

    private boolean isOfActivations(Node node) {
        return node.is("MatMul")
                && node.inputs().stream()
                        .noneMatch(input -> index.constant(input).isPresent());
    }

    /** What made it, whoever reads it. Chains are followed once, from their end to their beginning. */
    private ActivationKind made(String tensor) {
        var known = made.get(tensor);
        if (known == null) {
            known = index.producer(tensor).map(node -> kind(node, tensor)).orElse(ActivationKind.INPUT);
            made.put(tensor, known);
        }
        return known;
    }

    private ActivationKind kind(Node node, String tensor) {
        var norm = NormOutput.kindOf(index, tensor);
        var squash = gated.kindOf(node);
        if (norm.isPresent() || squash.isPresent()) {
            return norm.or(() -> squash).orElseThrow();
        }
        if (!node.domain().isEmpty()) {
            return ActivationKind.OTHER;
        }
        if (PASSING.contains(node.op())) {
            return made(node.input(0));
        }
        return switch (node.op()) {
            case "Softmax" -> ActivationKind.SOFTMAX;
            case "Conv", "ConvTranspose" -> ActivationKind.CONV;
            case "MatMul" -> isOfActivations(node) ? ActivationKind.CONTEXT : ActivationKind.LINEAR;
            case "Gemm" -> ActivationKind.LINEAR;
            case "Gather" -> index.constant(node.input(0)).isPresent() ? ActivationKind.EMBEDDING : made(node.input(0));
            case "Concat" -> common(node);
            default -> SCALING.contains(node.op()) ? combined(node) : ActivationKind.OTHER;
        };
    }

    private ActivationKind common(Node node) {
        var kinds = node.inputs().stream()
                .filter(input -> index.constant(input).isEmpty())
                .map(this::made)
                .distinct()
                .toList();
        return kinds.size() == 1 ? kinds.getFirst() : ActivationKind.OTHER;
    }

    /** A constant beside it changes nothing but numbers; two activations are a residual sum or a gated product. */
    private ActivationKind combined(Node node) {
        Optional<String> constant = node.inputs().stream()
                .filter(input -> index.constant(input).isPresent())
                .findFirst();
        if (constant.isPresent()) {
            return made(node.input(node.input(0).equals(constant.get()) ? 1 : 0));
        }
        if (!node.is("Add")) {
            return node.is("Mul")
                            && node.inputs().stream()
                                    .map(this::made)
                                    .anyMatch(kind -> kind == ActivationKind.SILU || kind == ActivationKind.GELU)
                    ? ActivationKind.GATE
                    : ActivationKind.OTHER;
        }
        boolean embedded = node.inputs().stream().allMatch(input -> made(input) == ActivationKind.EMBEDDING);
        return embedded ? ActivationKind.EMBEDDING : ActivationKind.RESIDUAL;
    }
}
