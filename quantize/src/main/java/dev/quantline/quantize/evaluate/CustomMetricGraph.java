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
 * A metric that a user wrote as an ONNX model. Its inputs are named after outputs of the judged model, after its inputs, or after arrays
 * of the data; its output is one figure per sample, {@code [samples]}, whose mean is the metric. The file is untrusted: only standard
 * ONNX operators and functions defined from them are allowed, and everything must be in the one small file.
 *
 * @param name  its name in reports: the name of the file
 * @param graph the graph with functions inlined
 */
public record CustomMetricGraph(String name, Graph graph, boolean largerIsBetter) {
    /** Metadata entry that says which figures are better: {@code higher} or {@code lower}. */
    public static final String BETTER = "quantline.better";

    private static final String HIGHER = "higher";
    private static final List<String> DIRECTIONS = List.of(HIGHER, "lower");
    private static final long LARGEST = 16L << 20;

    /**
     * Reads and checks a file.
     *
     * @param stated {@code higher} or {@code lower}, if the request says so
     * @throws BadInput if it is larger than 16 MiB or not an ONNX model, has external data, operators of other domains or several
     *     outputs, or if the better direction is stated nowhere
     */
    public static CustomMetricGraph read(Path file, Optional<String> stated) throws IOException {
        String name = file.getFileName().toString();
        if (Files.size(file) > LARGEST) {
            throw new BadInput("evaluation.metric: " + name + " has " + Files.size(file)
                    + " bytes, but a metric may have at most " + LARGEST);
        }
        if (!ModelFile.externalNames(file).isEmpty()) {
            throw new BadInput(
                    "evaluation.metric: " + name + " keeps tensors in external files: store them inside the model");
        }
        var graph = ModelFile.read(file);
        refuseForeign(name, graph.toProto().getGraph());
        OnnxLibrary.check(graph);
        if (graph.outputs().size() != 1) {
            throw new BadInput("evaluation.metric: " + name + " has the outputs "
                    + graph.outputs().stream().map(ValueInfoProto::getName).toList()
                    + ", but a metric has one, with a figure per sample");
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
                        + " in node '" + node.getName() + "', but a metric may only use standard ONNX operators");
            }
            Bodies.of(node).forEach(body -> refuseForeign(name, body));
        }
    }

    private static String direction(String name, Optional<String> inFile, Optional<String> stated) {
        inFile.filter(word -> !DIRECTIONS.contains(word)).ifPresent(word -> {
            throw new BadInput("evaluation.metric: " + name + " has '" + word + "' as " + BETTER
                    + ", which must be higher or lower");
        });
        if (inFile.isPresent() && stated.isPresent() && !inFile.equals(stated)) {
            throw new BadInput("evaluation.better is " + stated.get() + ", but " + name + " itself says that "
                    + inFile.get() + " is better");
        }
        return inFile.or(() -> stated)
                .orElseThrow(() -> new BadInput("evaluation.better: nothing says whether higher or lower figures"
                        + " of " + name + " are better: state it here, or as " + BETTER + " in the file's metadata"));
    }

    /** The names of its inputs: outputs and inputs of the judged model, and arrays of the data. */
    public Set<String> reads() {
        return inputs().stream().map(ValueInfoProto::getName).collect(Collectors.toSet());
    }

    List<ValueInfoProto> inputs() {
        return graph.inputs().stream()
                .filter(input -> !graph.initializers().containsKey(input.getName()))
                .toList();
    }
}
