package dev.quantline.quantize.tune;

import dev.quantline.gradient.rules.Rules;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Finds the blocks of a network by its structure alone. A network is cut at every tensor that all its data passes through (after
 * a residual join, after a normalisation of such a join, between plain layers; never inside a branch), and the pieces are joined
 * into what are usually called blocks: a piece without quantized layers joins the preceding piece, and the feed-forward half of
 * a transformer layer joins its attention half. An operator that gradients cannot pass stays a piece of its own, so that the
 * pieces before and after it can be trained.
 */
final class Blocks {
    private final Graph model;
    private final GraphIndex index;
    private final Set<String> planned;
    private final Set<String> quantized;
    /** Tensors that depend on quantized data, unlike masks and shapes. */
    private final Set<String> main = new HashSet<>();

    private Blocks(Graph model, QuantizationPlan plan) {
        this.model = model;
        index = model.index();
        planned = plan.activations().stream()
                .map(QuantizationPlan.Activation::tensor)
                .collect(Collectors.toCollection(HashSet::new));
        quantized = plan.weights().stream().map(QuantizationPlan.Weight::node).collect(Collectors.toSet());
        model.inputs().stream()
                .map(input -> input.getName())
                .filter(planned::contains)
                .forEach(main::add);
        for (var node : model.nodes()) {
            if (quantized.contains(node.name()) || node.inputs().stream().anyMatch(main::contains)) {
                main.addAll(node.outputs());
                main.remove("");
            }
        }
    }

    /** A run of nodes and the only tensor that leaves it, which is empty for the last piece. */
    private record Piece(List<Node> nodes, String end) {
        Piece then(Piece next) {
            var both = new ArrayList<>(nodes);
            both.addAll(next.nodes());
            return new Piece(both, next.end());
        }
    }

    /** Tensors that all data passes through, in graph order. */
    static List<String> narrows(Graph model, QuantizationPlan plan) {
        return new Blocks(model, plan)
                .pieces(end -> true).stream()
                        .map(Piece::end)
                        .filter(end -> !end.isEmpty())
                        .toList();
    }

    /**
     * The blocks in order: each starts where the previous one ends, and the last ends in the model's outputs.
     *
     * @param usable which of the {@link #narrows} a block may end in
     */
    static List<Subgraph> of(Graph model, QuantizationPlan plan, Predicate<String> usable) {
        var blocks = new Blocks(model, plan);
        return blocks.subgraphs(blocks.joined(blocks.pieces(usable)));
    }

    /**
     * Blocks that end in the named tensors.
     *
     * @throws BadInput if some data bypasses a named tensor, or no tensor has that name
     */
    static List<Subgraph> endingIn(List<String> tensors, Graph model, QuantizationPlan plan) {
        var blocks = new Blocks(model, plan);
        var pieces = blocks.pieces(tensors::contains);
        var ends = pieces.stream().map(Piece::end).toList();
        tensors.stream().filter(tensor -> !ends.contains(tensor)).findFirst().ifPresent(tensor -> {
            throw new BadInput("tune.blocks: no block can end in '" + tensor
                    + "': it must be a tensor of the prepared model that all" + " data passes through; "
                    + ClosestName.hint(tensor, narrows(model, plan)));
        });
        return blocks.subgraphs(pieces);
    }

    /** The whole model as one block. */
    static Subgraph whole(Graph model) {
        return new Subgraph(
                "the whole model",
                List.of(),
                model.outputs().stream().map(output -> output.getName()).toList(),
                model.nodes().stream().map(Node::name).collect(Collectors.toSet()));
    }

    /** Cuts at the {@code wanted} tensors among those that all data passes through. */
    private List<Piece> pieces(Predicate<String> wanted) {
        var pieces = new ArrayList<Piece>();
        var live = new LinkedHashSet<String>();
        model.inputs().stream()
                .map(input -> input.getName())
                .filter(main::contains)
                .forEach(live::add);
        var waiting = new HashMap<String, Integer>();
        var nodes = new ArrayList<Node>();
        for (var node : model.nodes()) {
            nodes.add(node);
            node.outputs().stream()
                    .filter(output -> main.contains(output)
                            && (index.isOutput(output)
                                    || !index.consumers(output).isEmpty()))
                    .forEach(live::add);
            var read = new LinkedHashSet<>(node.inputs());
            read.addAll(node.captured());
            for (String input : read) {
                int left = waiting.merge(input, index.consumers(input).size() - 1, (known, all) -> known - 1);
                if (left == 0 && !index.isOutput(input)) {
                    live.remove(input);
                }
            }
            String only = live.size() == 1 ? live.getFirst() : "";
            boolean passed = node.outputs().contains(only) && !index.isOutput(only);
            if (passed && wanted.test(only)) {
                pieces.add(new Piece(List.copyOf(nodes), only));
                nodes.clear();
            }
        }
        pieces.add(new Piece(List.copyOf(nodes), ""));
        return pieces;
    }

    private List<Piece> joined(List<Piece> pieces) {
        var joined = new ArrayList<Piece>();
        boolean waitsForSecondHalf = false;
        for (var piece : pieces) {
            boolean idle = !hasLayer(piece);
            boolean secondHalf = waitsForSecondHalf && !idle && !hasProduct(piece);
            boolean afterNothing = joined.size() == 1 && !hasLayer(joined.getFirst());
            boolean apart = isOpaque(piece) || !joined.isEmpty() && isOpaque(joined.getLast());
            if (!joined.isEmpty() && !apart && (idle || secondHalf || afterNothing)) {
                joined.add(joined.removeLast().then(piece));
            } else {
                joined.add(piece);
            }
            waitsForSecondHalf = hasProduct(piece) || idle && waitsForSecondHalf;
        }
        return joined;
    }

    private boolean hasLayer(Piece piece) {
        return piece.nodes().stream().anyMatch(this::isLayer);
    }

    private boolean isOpaque(Piece piece) {
        return piece.nodes().stream()
                .anyMatch(node -> !Rules.has(node) && node.outputs().stream().anyMatch(main::contains));
    }

    private boolean hasProduct(Piece piece) {
        return piece.nodes().stream().anyMatch(this::isProduct);
    }

    private boolean isLayer(Node node) {
        return Operators.LAYERS.has(node)
                && (quantized.contains(node.name()) || node.inputs().stream().anyMatch(planned::contains));
    }

    private boolean isProduct(Node node) {
        return node.is("MatMul") && planned.contains(node.input(0)) && planned.contains(node.input(1));
    }

    private List<Subgraph> subgraphs(List<Piece> pieces) {
        var subgraphs = new ArrayList<Subgraph>();
        String start = "";
        for (var piece : pieces) {
            var outputs = piece.end().isEmpty()
                    ? model.outputs().stream().map(output -> output.getName()).toList()
                    : List.of(piece.end());
            var nodes = piece.nodes().stream().map(Node::name).collect(Collectors.toCollection(LinkedHashSet::new));
            subgraphs.add(new Subgraph(
                    name(piece, subgraphs.size()), start.isEmpty() ? List.of() : List.of(start), outputs, nodes));
            start = piece.end();
        }
        return subgraphs;
    }

    /** The common prefix of the layers' names, cut at a separator; the number alone if there is none. */
    private String name(Piece piece, int number) {
        var names = piece.nodes().stream().filter(this::isLayer).map(Node::name).toList();
        String common = names.isEmpty() ? "" : names.getFirst();
        for (String name : names) {
            while (!name.startsWith(common)) {
                common = common.substring(0, common.length() - 1);
            }
        }
        if (names.size() > 1) {
            common = common.substring(0, Math.max(0, Math.max(common.lastIndexOf('/'), common.lastIndexOf('.'))));
        }
        return common.isEmpty() ? "block " + number : common;
    }
}
