package dev.quantline.quantize.evaluate;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Bodies;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.OnnxLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A metric that its user wrote as an ONNX model. Its inputs are called as outputs of the judged model, as its inputs, or as arrays of the
 * data; its output is a figure for each sample, {@code [samples]}, whose mean is the metric. It is a stranger's file: operators of ONNX
 * alone and functions that it defines of them, everything in the one small file.
 *
 * @param name  what reports call it: the file's name
 * @param graph functions written out
 */
public record CustomMetricGraph(String name, Graph graph, boolean largerIsBetter) {
    /** Entry of the model's metadata that says which figures are better: {@code higher} or {@code lower}. */
    public static final String BETTER = "quantline.better";

    private static final String HIGHER = "higher";
    private static final List<String> DIRECTIONS = List.of(HIGHER, "lower");
    private static final long LARGEST = 16L << 20;

    /**
     * Reads and checks a file.
     *
     * @param stated {@code higher} or {@code lower}, where the request says it
     * @throws BadInput when it is larger than 16 MiB, no ONNX model, has external data, operators of other domains or several outputs, or
     *                  nothing says which figures are better
     */
    public static CustomMetricGraph read(Path file, Optional<String> stated) throws IOException {
        String name = file.getFileName().toString();
        if (Files.size(file) > LARGEST) {
            throw new BadInput("evaluation.metric: " + name + " has " + Files.size(file)
                    + " bytes, and a metric may have " + LARGEST);
        }
        if (!ModelFile.externalNames(file).isEmpty()) {
            throw new BadInput("evaluation.metric: " + name + " keeps tensors in other files: store them inside");
        }
        var graph = ModelFile.read(file);
        refuseForeign(name, graph.toProto().getGraph());
        OnnxLibrary.check(graph);
        if (graph.outputs().size() != 1) {
            throw new BadInput("evaluation.metric: " + name + " has the outputs "
                    + graph.outputs().stream().map(ValueInfoProto::getName).toList()
                    + ", and a metric has one, a figure for each sample");
        }
        return new CustomMetricGraph(
                name,
                graph,
                direction(name, Optional.ofNullable(graph.metadata().get(BETTER)), stated)
                        .equals(HIGHER));
    }

    private static void refuseForeign(String name, GraphProto graph) {
        for (var node : graph.getNodeList()) {
            if (!node.getDomain().isEmpty() && !node.getDomain().equals("ai.onnx")) {
                throw new BadInput("evaluation.metric: " + name + " calls " + node.getDomain() + "." + node.getOpType()
                        + " in node '" + node.getName() + "', and a metric is made of ONNX's own operators");
            }
            Bodies.of(node).forEach(body -> refuseForeign(name, body));
        }
    }

    private static String direction(String name, Optional<String> inFile, Optional<String> stated) {
        inFile.filter(word -> !DIRECTIONS.contains(word)).ifPresent(word -> {
            throw new BadInput(
                    "evaluation.metric: " + name + " has '" + word + "' as " + BETTER + ", which is higher or lower");
        });
        if (inFile.isPresent() && stated.isPresent() && !inFile.equals(stated)) {
            throw new BadInput("evaluation.better is " + stated.get() + ", and " + name + " says itself that "
                    + inFile.get() + " is better");
        }
        return inFile.or(() -> stated)
                .orElseThrow(() -> new BadInput("evaluation.better: nothing says whether a higher or a lower figure"
                        + " of " + name + " is better: say so here, or as " + BETTER + " in the file's metadata"));
    }

    /** What it reads: outputs and inputs of the judged model, and arrays of the data. */
    public Set<String> reads() {
        return inputs().stream().map(ValueInfoProto::getName).collect(Collectors.toSet());
    }

    List<ValueInfoProto> inputs() {
        return graph.inputs().stream()
                .filter(input -> !graph.initializers().containsKey(input.getName()))
                .toList();
    }
}
