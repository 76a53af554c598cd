package dev.quantline.quantize.tune;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.ValueInfos;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The float rest of a stage after a block, for across-block calibration (RepAPQ, arXiv 2402.16121), whose loss also
 * compares the outputs at the end of the stage. A stage is the run of blocks between two changes of resolution or, in a
 * transformer, {@value #LAYERS} layers (ours).
 *
 * @param rest    from the outputs of the block to the end of the stage
 * @param targets outputs of the stage in the float network
 */
record AcrossBlock(Subgraph rest, Activations targets) implements AutoCloseable {
    private static final int LAYERS = 3;

    /** What lies between the end of subgraph {@code i} and the end of its stage; empty if they coincide. */
    static Optional<Subgraph> behind(List<Subgraph> subgraphs, int i, Graph model) {
        var infos = OnnxLibrary.inferShapes(model);
        int end = i;
        while (end + 1 < subgraphs.size()
                && resolution(subgraphs.get(end + 1), infos).equals(resolution(subgraphs.get(i), infos))
                && (isImage(subgraphs.get(i), infos) || (end + 1) / LAYERS == i / LAYERS)) {
            end++;
        }
        return end == i
                ? Optional.empty()
                : Optional.of(new Subgraph(
                        "behind " + subgraphs.get(i).name(),
                        subgraphs.get(i).outputs(),
                        subgraphs.get(end).outputs(),
                        Set.of()));
    }

    private static boolean isImage(Subgraph subgraph, Map<String, ValueInfoProto> infos) {
        return resolution(subgraph, infos).size() == 2;
    }

    /** Height and width of the output; empty if it is not an image. */
    private static List<Long> resolution(Subgraph subgraph, Map<String, ValueInfoProto> infos) {
        var shape = Optional.ofNullable(infos.get(subgraph.outputs().getFirst()))
                .flatMap(ValueInfos::shape)
                .orElse(new long[0]);
        return shape.length == 4 ? Arrays.stream(shape).skip(2).boxed().collect(Collectors.toList()) : List.of();
    }

    /** Appends the rest of the stage to a graph that ends where it begins. */
    void appendTo(Graph graph, Graph reference) {
        var cut = rest.cut(reference);
        Set<String> known =
                graph.nodes().stream().flatMap(node -> node.outputs().stream()).collect(Collectors.toSet());
        Set<String> fed = graph.inputs().stream().map(input -> input.getName()).collect(Collectors.toSet());
        cut.nodes().stream().filter(node -> !known.contains(node.output())).forEach(graph.nodes()::add);
        cut.initializers().forEach(graph.initializers()::putIfAbsent);
        cut.inputs().stream()
                .filter(input -> !known.contains(input.getName()) && !fed.contains(input.getName()))
                .forEach(graph.inputs()::add);
    }

    @Override
    public void close() {
        targets.close();
    }
}
