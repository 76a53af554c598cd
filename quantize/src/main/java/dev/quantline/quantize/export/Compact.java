package dev.quantline.quantize.export;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.rewrite.Rewritten;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Takes the room out of what quantizing added to a graph: equal constants are stored once, and new tensors have short names,
 * new nodes none. In a network of a megabyte the names alone are two per cent of the float file. Names of the float model stay.
 *
 * @param model the float model that the quantized graph was made of
 */
record Compact(Graph model) implements Pass {
    @Override
    public String name() {
        return "names and constants shortened";
    }

    @Override
    public Rewritten apply(Graph quantized) {
        var shortening = new Shortening(model, quantized.copy());
        return new Rewritten(shortening.run(), this, List.copyOf(shortening.renamed.keySet()), List.of());
    }

    /** The graph while it is rewritten. */
    private static final class Shortening {
        private final Graph graph;
        private final Set<String> kept = new HashSet<>();
        private final Map<String, String> renamed = new HashMap<>();
        private int next;

        Shortening(Graph model, Graph quantized) {
            graph = quantized;
            Stream.of(model.inputs(), model.outputs(), quantized.inputs(), quantized.outputs())
                    .flatMap(List::stream)
                    .forEach(info -> kept.add(info.getName()));
            kept.addAll(model.initializers().keySet());
            for (var node : model.nodes()) {
                kept.add(node.name());
                kept.addAll(node.outputs());
                kept.addAll(node.captured());
            }
        }

        Graph run() {
            var constants = new HashMap<Tensor, String>();
            // In order: a Map.copyOf has another order in every process, and equal jobs leave equal files.
            var merged = new LinkedHashMap<>(graph.initializers());
            graph.initializers().entrySet().removeIf(constant -> {
                String first = kept.contains(constant.getKey())
                        ? constant.getKey()
                        : constants.computeIfAbsent(constant.getValue(), tensor -> name(constant.getKey()));
                renamed.put(constant.getKey(), first);
                return !first.equals(constant.getKey());
            });
            merged.forEach((name, tensor) -> graph.initializers().putIfAbsent(renamed.get(name), tensor));
            graph.rewrite(node -> List.of(shortened(node)));
            return graph;
        }

        private Node shortened(Node node) {
            var changed = node.mapInputs(this::name)
                    .withOutputs(node.outputs().stream().map(this::name).toList());
            return kept.contains(node.name()) ? changed : changed.withName("");
        }

        private String name(String tensor) {
            return tensor.isEmpty() || kept.contains(tensor) ? tensor : renamed.computeIfAbsent(tensor, key -> free());
        }

        private String free() {
            String name;
            do {
                name = "q" + Integer.toString(next++, Character.MAX_RADIX);
            } while (kept.contains(name));
            return name;
        }
    }
}
