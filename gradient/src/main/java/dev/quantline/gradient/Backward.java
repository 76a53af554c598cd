package dev.quantline.gradient;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.gradient.emit.Shapes;
import dev.quantline.gradient.rules.BackwardContext;
import dev.quantline.gradient.rules.Rules;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.GraphIndex;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.ValueInfos;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The walk from the loss back to the trained tensors. It visits only the nodes between them, sums the gradients that
 * the readers of a tensor send back, and leaves all knowledge about operators to {@link Rules}.
 */
final class Backward {
    /** Operators that turn codes into codes. */
    private static final String[] KEEP_CODES = {"Cast", "Min", "Max", "Identity", "Reshape", "Transpose"};

    private final Graph graph;
    private final Shapes shapes;
    private final Emitter emitter;
    private final Set<String> trained;
    private final GraphIndex index;
    private final Map<String, List<String>> contributions = new HashMap<>();
    private final Map<String, String> totals = new HashMap<>();

    private Backward(Graph graph, Collection<String> trained) {
        this.graph = graph;
        this.shapes = Shapes.infer(graph);
        this.index = graph.index();
        this.emitter = new Emitter(graph, shapes);
        this.trained = new LinkedHashSet<>(trained);
    }

    /**
     * Appends the backward nodes to {@code graph}, which is changed, at opset {@link Rules#OPSET}.
     *
     * @param trained  graph inputs with respect to which to differentiate
     * @param observed additional tensors to output
     * @throws BadInput if an operator between the trained tensors and the loss has no rule; nothing has run by then
     */
    static TrainingGraph append(Graph graph, String loss, Collection<String> trained, Collection<String> observed) {
        return new Backward(graph, trained).run(loss, observed);
    }

    private TrainingGraph run(String loss, Collection<String> observed) {
        var active = active();
        var path = path(loss, active);
        path.forEach(Rules::of);
        if (active.contains(loss)) {
            contributions.put(loss, List.of(emitter.filled(loss, 1)));
        }
        for (var node : path.reversed()) {
            visit(node, active);
        }
        emitter.scope("gradient");
        var gradients = new LinkedHashMap<String, String>();
        for (String tensor : trained) {
            String gradient = total(tensor);
            gradient = gradient.isEmpty() ? emitter.zerosLike(tensor) : gradient;
            gradients.put(tensor, gradients.containsValue(gradient) ? emitter.op("Identity", gradient) : gradient);
        }
        return new TrainingGraph(withOutputs(loss, gradients, observed), loss, gradients);
    }

    /** Tensors whose values depend on trained tensors, as far as gradients can follow. */
    private Set<String> active() {
        var active = new HashSet<>(trained);
        for (var node : graph.nodes()) {
            if (node.captured().stream().anyMatch(active::contains)) {
                throw new BadInput(
                        "no gradient through " + node + ": its body reads a tensor that depends on trained tensors");
            }
            if (Rules.flows(node) && node.inputs().stream().anyMatch(active::contains)) {
                node.outputs().stream()
                        .filter(output -> carries(node, output, active))
                        .forEach(active::add);
            }
        }
        return active;
    }

    /** Integers carry no gradient, except codes, which represent real numbers, as long as they stay codes. */
    private boolean carries(Node node, String output, Set<String> active) {
        if (output.isEmpty() || node.is("QuantizeLinear")) {
            return !output.isEmpty();
        }
        return isReal(output)
                || node.is(KEEP_CODES)
                        && node.inputs().stream().anyMatch(input -> active.contains(input) && !isReal(input));
    }

    private boolean isReal(String tensor) {
        return shapes.type(tensor).map(DataType::isFloating).orElse(true);
    }

    private List<Node> path(String loss, Set<String> active) {
        var needed = new HashSet<>(Set.of(loss));
        var path = new ArrayList<Node>();
        for (var node : graph.nodes().reversed()) {
            if (node.outputs().stream().anyMatch(output -> active.contains(output) && needed.contains(output))) {
                path.add(node);
                needed.addAll(node.inputs());
            }
        }
        return path.reversed();
    }

    private void visit(Node node, Set<String> active) {
        var outputs = node.outputs().stream().map(this::total).toList();
        if (outputs.stream().allMatch(String::isEmpty)) {
            return;
        }
        emitter.scope(node.name() + "/gradient");
        var wanted = IntStream.range(0, node.inputs().size())
                .filter(i -> active.contains(node.input(i)))
                .boxed()
                .collect(Collectors.toSet());
        var context = new BackwardContext(emitter, node, outputs, wanted, index, totals);
        Rules.of(node).backward(context);
        context.given()
                .forEach((i, gradient) -> contributions
                        .computeIfAbsent(node.input(i), key -> new ArrayList<>())
                        .add(gradient));
    }

    /** Sum of the gradients sent back to {@code tensor}; empty if there are none. */
    private String total(String tensor) {
        var parts = contributions.remove(tensor);
        if (parts == null) {
            return "";
        }
        String sum = parts.getFirst();
        for (String part : parts.subList(1, parts.size())) {
            sum = emitter.add(sum, part);
        }
        totals.put(tensor, shapes.find(tensor).isPresent() ? emitter.shaped(sum, shapes.of(tensor)) : sum);
        return totals.get(tensor);
    }

    private Graph withOutputs(String loss, Map<String, String> gradients, Collection<String> observed) {
        var extended = emitter.finish();
        extended.outputs().clear();
        var names = new LinkedHashSet<>(List.of(loss));
        names.addAll(gradients.values());
        names.addAll(observed);
        for (String name : names) {
            extended.outputs()
                    .add(
                            shapes.find(name).isPresent()
                                    ? ValueInfos.of(name, emitter.type(name), shapes.of(name))
                                    : ValueInfos.of(name, emitter.type(name)));
        }
        extended.prune();
        return extended;
    }
}
