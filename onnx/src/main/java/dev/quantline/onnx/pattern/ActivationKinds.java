package dev.quantline.onnx.pattern;

import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Classifies the activations of a canonical graph. */
public final class ActivationKinds {
    private final GraphIndex index;
    private final GatedActivations gated;
    private final Map<String, ActivationKind> made = new HashMap<>();

    /** Classifies activations of the graph as it was when the index was built. */
    public ActivationKinds(GraphIndex index) {
        this.index = index;
        gated = new GatedActivations(index);
    }

    /** The kind of {@code tensor}. */
    public ActivationKind kindOf(String tensor) {
        var kind = made(tensor);
        boolean product = index.consumers(tensor).stream().anyMatch(this::isOfActivations);
        return product && kind != ActivationKind.SOFTMAX ? ActivationKind.ATTENTION : kind;
    }

    private boolean isOfActivations(Node node) {
        return node.is("MatMul") && node.inputs().stream().noneMatch(index::isConstant);
    }

    /** The kind by producer, whatever the readers. Chains are followed once, from end to beginning. */
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
        if (keepsKind(node)) {
            return made(node.input(0));
        }
        return switch (node.op()) {
            case "Softmax" -> ActivationKind.SOFTMAX;
            case "Conv", "ConvTranspose" -> ActivationKind.CONV;
            case "MatMul" -> isOfActivations(node) ? ActivationKind.CONTEXT : ActivationKind.LINEAR;
            case "Gemm" -> ActivationKind.LINEAR;
            case "Gather" -> index.isConstant(node.input(0)) ? ActivationKind.EMBEDDING : made(node.input(0));
            case "Concat" -> common(node);
            default -> Operators.ARITHMETIC.has(node) ? combined(node) : ActivationKind.OTHER;
        };
    }

    /** Whether the output of a node has the same kind as its input. */
    private static boolean keepsKind(Node node) {
        return node.is("Dropout", "BatchNormalization")
                || Operators.isAny(
                        node,
                        Operators.MOVING,
                        Operators.BLOCKS,
                        Operators.COPYING,
                        Operators.EXTENDING,
                        Operators.POOLING,
                        Operators.BOUNDING);
    }

    private ActivationKind common(Node node) {
        var kinds = node.inputs().stream()
                .filter(input -> !index.isConstant(input))
                .map(this::made)
                .distinct()
                .toList();
        return kinds.size() == 1 ? kinds.getFirst() : ActivationKind.OTHER;
    }

    /** A constant operand keeps the kind; two activations make a residual sum or a gated product. */
    private ActivationKind combined(Node node) {
        Optional<String> constant =
                node.inputs().stream().filter(index::isConstant).findFirst();
        if (constant.isPresent()) {
            return made(node.beside(constant.get()));
        }
        var kinds = node.inputs().stream().map(this::made).toList();
        return switch (node.op()) {
            case "Add" ->
                kinds.stream().allMatch(ActivationKind.EMBEDDING::equals)
                        ? ActivationKind.EMBEDDING
                        : ActivationKind.RESIDUAL;
            case "Mul" ->
                kinds.contains(ActivationKind.SILU) || kinds.contains(ActivationKind.GELU)
                        ? ActivationKind.GATE
                        : ActivationKind.OTHER;
            default -> ActivationKind.OTHER;
        };
    }
}
