package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.PriorityQueue;

/** Topological order that keeps the given order wherever it is executable. */
final class Ordering {
    private Ordering() {}

    static List<Node> topological(Graph graph, GraphProto frame) {
        var ready = new HashSet<String>();
        ready.add("");
        graph.inputs().forEach(input -> ready.add(input.getName()));
        frame.getInitializerList().forEach(tensor -> ready.add(tensor.getName()));
        frame.getSparseInitializerList()
                .forEach(tensor -> ready.add(tensor.getValues().getName()));
        ready.addAll(graph.initializers().keySet());

        var nodes = graph.nodes();
        var missing = new int[nodes.size()];
        var waiting = new HashMap<String, List<Integer>>();
        var runnable = new PriorityQueue<Integer>();
        for (int i = 0; i < nodes.size(); i++) {
            var reads = new LinkedHashSet<>(nodes.get(i).inputs());
            reads.addAll(nodes.get(i).captured());
            reads.removeAll(ready);
            missing[i] = reads.size();
            for (String name : reads) {
                waiting.computeIfAbsent(name, key -> new ArrayList<>()).add(i);
            }
            if (missing[i] == 0) {
                runnable.add(i);
            }
        }
        var order = new ArrayList<Node>();
        while (!runnable.isEmpty()) {
            var node = nodes.get(runnable.poll());
            order.add(node);
            for (String output : node.outputs()) {
                for (int reader : waiting.getOrDefault(output, List.of())) {
                    if (--missing[reader] == 0) {
                        runnable.add(reader);
                    }
                }
            }
        }
        if (order.size() < nodes.size()) {
            var stuck = new ArrayDeque<>(nodes);
            stuck.removeAll(order);
            throw new BadInput(stuck.getFirst() + " can never run: its inputs "
                    + stuck.getFirst().inputs() + " are on a cycle or have no producer");
        }
        return order;
    }
}
