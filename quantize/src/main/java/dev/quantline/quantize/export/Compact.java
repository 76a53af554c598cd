package dev.quantline.quantize.export;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.rewrite.Rewritten;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Shrinks what quantization added to a graph: equal constants are stored once, new tensors get short names, and new nodes none.
 * In a network of a megabyte the names alone are two per cent of the float file. Names from the float model are kept.
 *
 * @param model the float model that the quantized graph was made from
 */
record Compact(Graph model) implements Pass {
    @Override
    public String name() {
        return "names and constants shortened";
    }

    @Override
    public Rewritten apply(Graph quantized) {
        var graph = quantized.copy();
        var kept = kept(graph);
        var free = IntStream.iterate(0, number -> number + 1)
                .mapToObj(number -> "q" + Integer.toString(number, Character.MAX_RADIX))
                .filter(name -> !kept.contains(name))
                .iterator();
        var renamed = new HashMap<String, String>();
        UnaryOperator<String> shorten = tensor -> tensor.isEmpty() || kept.contains(tensor)
                ? tensor
                : renamed.computeIfAbsent(tensor, key -> free.next());
        var constants = new HashMap<Tensor, String>();
        // Ordered: the order of Map.copyOf differs between processes, and equal jobs must give equal files.
        var merged = new LinkedHashMap<>(graph.initializers());
        graph.initializers().entrySet().removeIf(constant -> {
            String first = kept.contains(constant.getKey())
                    ? constant.getKey()
                    : constants.computeIfAbsent(constant.getValue(), tensor -> shorten.apply(constant.getKey()));
            renamed.put(constant.getKey(), first);
            return !first.equals(constant.getKey());
        });
        merged.forEach((name, tensor) -> graph.initializers().putIfAbsent(renamed.get(name), tensor));
        graph.rewrite(node -> {
            var changed = node.mapInputs(shorten)
                    .withOutputs(node.outputs().stream().map(shorten).toList());
            return List.of(kept.contains(node.name()) ? changed : changed.withName(""));
        });
        return new Rewritten(graph, this, List.copyOf(renamed.keySet()), List.of());
    }

    private Set<String> kept(Graph quantized) {
        var kept = new HashSet<>(model.initializers().keySet());
        Stream.of(model.inputs(), model.outputs(), quantized.inputs(), quantized.outputs())
                .flatMap(List::stream)
                .forEach(info -> kept.add(info.getName()));
        for (var node : model.nodes()) {
            kept.add(node.name());
            kept.addAll(node.outputs());
            kept.addAll(node.captured());
        }
        return kept;
    }
}
