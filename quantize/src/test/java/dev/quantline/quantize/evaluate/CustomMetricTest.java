package dev.quantline.quantize.evaluate;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CustomMetricTest {
    private static final Optional<String> HIGHER = Optional.of("higher");
    private static final Tensor LOGITS = Tensor.of(new float[] {3, 1, 2, 3, 1, 2, 0, 5, 1}, 3, 3);

    @TempDir
    private Path folder;

    /** Whether the largest of {@code logits} is the label, as {@code top1} counts. */
    private static GraphBuilder hits(String labels) {
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "best", "ArgMax", Map.of("axis", 1L, "keepdims", 0L), builder.input("logits", DataType.FLOAT, -1, 3));
        builder.op("equal", "Equal", "best", builder.input(labels, DataType.INT64, -1));
        builder.op("hit", "Cast", Map.of("to", 1L), "equal");
        return builder.output("hit", DataType.FLOAT, -1);
    }

    private CustomMetricGraph read(Graph graph, Optional<String> better) throws IOException {
        var file = folder.resolve("own.onnx");
        ModelFile.write(graph, file);
        return CustomMetricGraph.read(file, better);
    }

    private String refused(Graph graph) {
        return assertThrows(BadInput.class, () -> read(graph, HIGHER)).getMessage();
    }

    /** The metric over files with these numbers of samples, in batches of two. */
    private double value(CustomMetricGraph own, Map<String, Tensor> arrays, Map<String, Tensor> outputs, int... samples)
            throws IOException {
        var files = new ArrayList<Path>();
        int from = 0;
        for (int size : samples) {
            var rows = new LinkedHashMap<String, Tensor>();
            for (var array : arrays.entrySet()) {
                rows.put(array.getKey(), array.getValue().rows(from, from + size));
            }
            from += size;
            files.add(Data.write(folder.resolve(files.size() + ".npz"), rows));
        }
        try (var data = Dataset.open(files);
                var metric = Metric.of(Measure.of(own), data).orElseThrow()) {
            data.forEachBatch(0, data.size(), 2, fed -> {
                var rows = new LinkedHashMap<String, Tensor>();
                outputs.forEach((name, tensor) -> rows.put(name, tensor.rows(fed.first(), fed.first() + fed.size())));
                metric.add(
                        new Dataset.Batch(
                                fed.first(),
                                fed.size(),
                                Map.of("x", fed.arrays().get("x"))),
                        rows);
            });
            return metric.value();
        }
    }

    private static Map<String, Tensor> data(String name, Tensor array) {
        return Map.of("x", Tensor.zeros(DataType.FLOAT, array.dim(0), 1), name, array);
    }

    @Test
    void itIsTheMeanOverTheSamplesHoweverTheyAreCutIntoFilesAndBatches() throws IOException {
        var own = read(hits("labels").graph(), HIGHER);
        var arrays = data("labels", Tensor.vector(0L, 2, 1));
        var outputs = Map.of("logits", LOGITS, "more", Tensor.zeros(DataType.FLOAT, 3, 7));

        assertEquals(2 / 3., value(own, arrays, outputs, 3), 1e-12);
        assertEquals(value(own, arrays, outputs, 3), value(own, arrays, outputs, 1, 2));
        assertEquals("own.onnx", own.name());
    }

    @Test
    void anyArrayOfTheDataCanBeRead() throws IOException {
        var own = read(hits("regions").graph(), HIGHER);

        assertEquals(1, value(own, data("regions", Tensor.vector(0L, 0, 1)), Map.of("logits", LOGITS), 2, 1));
    }

    @Test
    void whatIsNotThereIsNamedWithWhatWasProbablyMeant() throws IOException {
        var own = read(hits("labls").graph(), HIGHER);
        var arrays = data("labels", Tensor.vector(0L, 2, 1));

        var message = assertThrows(BadInput.class, () -> value(own, arrays, Map.of("logits", LOGITS), 3))
                .getMessage();
        assertTrue(
                message.contains("own.onnx")
                        && message.contains("'labls'")
                        && message.contains("did you mean 'labels'"),
                message);
        var none = assertThrows(BadInput.class, () -> {
                    try (var data = Dataset.open(List.of(folder.resolve("0.npz")));
                            var metric = Metric.of(Measure.of(own), data).orElseThrow()) {
                        metric.outputs(Map.of("scores", LOGITS));
                    }
                })
                .getMessage();
        assertTrue(none.contains("none of the model's outputs [scores]"), none);
    }

    @Test
    void typesAndSizesAreCompared() throws IOException {
        var own = read(hits("labels").graph(), HIGHER);

        var type = assertThrows(
                        BadInput.class,
                        () -> value(
                                own, data("labels", Tensor.of(new int[] {0, 2, 1}, 3)), Map.of("logits", LOGITS), 3))
                .getMessage();
        var size = assertThrows(
                        BadInput.class,
                        () -> value(
                                own,
                                data("labels", Tensor.vector(0L, 2, 1)),
                                Map.of("logits", LOGITS.reshape(1, 9).repeated()),
                                2))
                .getMessage();

        assertTrue(type.contains("'labels' takes INT64[-1]") && type.contains("INT32[2]"), type);
        assertTrue(size.contains("'logits' takes FLOAT[-1, 3]") && size.contains("FLOAT[2, 9]"), size);
    }

    @Test
    void aFigureForEachSampleIsNeededAndMustBeANumber() throws IOException {
        var sum = new GraphBuilder(17, 1);
        sum.op("all", "ReduceSum", Map.of("keepdims", 0L), sum.input("logits", DataType.FLOAT, -1, 3));
        var root = new GraphBuilder(17, 1);
        root.op(
                "least",
                "ReduceMin",
                Map.of("axes", new long[] {1}, "keepdims", 0L),
                root.input("logits", DataType.FLOAT, -1, 3));
        root.op("log", "Log", root.op("below", "Neg", "least"));
        var scalar = read(sum.output("all", DataType.FLOAT).graph(), HIGHER);

        var arrays = data("labels", Tensor.vector(0L, 2, 1));
        var one = assertThrows(BadInput.class, () -> value(scalar, arrays, Map.of("logits", LOGITS), 3))
                .getMessage();
        assertTrue(one.contains("one figure per sample"), one);
        var logs = read(root.output("log", DataType.FLOAT, -1).graph(), HIGHER);
        var none = assertThrows(BadInput.class, () -> value(logs, arrays, Map.of("logits", LOGITS), 3))
                .getMessage();
        assertTrue(none.contains("sample 0 is NaN"), none);
    }

    @Test
    void theFileOrTheRequestSaysWhichFiguresAreBetter() throws IOException {
        var graph = hits("labels").graph();
        var lower = graph.withMetadata(Map.of(CustomMetricGraph.BETTER, "lower"));

        assertTrue(read(graph, HIGHER).largerIsBetter());
        assertFalse(read(lower, Optional.empty()).largerIsBetter());
        assertFalse(read(lower, Optional.of("lower")).largerIsBetter());
        assertTrue(refused(lower).contains("evaluation.better is higher"), refused(lower));
        assertTrue(refused(graph.withMetadata(Map.of(CustomMetricGraph.BETTER, "more")))
                .contains("'more'"));
        var silent = assertThrows(BadInput.class, () -> read(graph, Optional.empty()))
                .getMessage();
        assertTrue(silent.startsWith("evaluation.better: nothing says"), silent);
    }

    @Test
    void onlyOperatorsOfOnnxRun() throws IOException {
        var foreign = hits("labels").graph();
        foreign.nodes().set(0, foreign.nodes().getFirst().withDomain("com.microsoft"));

        assertTrue(refused(foreign).contains("com.microsoft.ArgMax"), refused(foreign));
        // Also in the body of an If
        var inside = hits("labels").graph().toProto().toBuilder();
        var body = inside.getGraph().toBuilder().clearInput().clearInitializer();
        body.setNode(0, body.getNode(0).toBuilder().setDomain("custom"));
        inside.getGraphBuilder()
                .addNode(NodeProto.newBuilder()
                        .setOpType("If")
                        .addInput("equal")
                        .addOutput("unused")
                        .addAttribute(AttributeProto.newBuilder()
                                .setName("then_branch")
                                .setType(AttributeProto.AttributeType.GRAPH)
                                .setG(body)));
        var file = folder.resolve("body.onnx");
        Files.write(file, inside.build().toByteArray());
        var message = assertThrows(BadInput.class, () -> CustomMetricGraph.read(file, HIGHER))
                .getMessage();
        assertTrue(message.contains("custom.ArgMax"), message);
    }

    @Test
    void functionsOfItsOwnAreFine() throws IOException {
        var model = hits("labels").graph().toProto().toBuilder();
        model.addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("mine").setVersion(1));
        model.addFunctions(FunctionProto.newBuilder()
                .setName("Hits")
                .setDomain("mine")
                .addInput("a")
                .addInput("b")
                .addOutput("c")
                .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
                .addNode(NodeProto.newBuilder()
                        .setOpType("Equal")
                        .addInput("a")
                        .addInput("b")
                        .addOutput("c")));
        var graph = model.getGraphBuilder();
        graph.setNode(1, graph.getNode(1).toBuilder().setOpType("Hits").setDomain("mine"));
        var file = folder.resolve("function.onnx");
        Files.write(file, model.build().toByteArray());

        assertEquals(
                2 / 3.,
                value(
                        CustomMetricGraph.read(file, HIGHER),
                        data("labels", Tensor.vector(0L, 2, 1)),
                        Map.of("logits", LOGITS),
                        3),
                1e-12);
    }

    @Test
    void aFileThatIsLargeHasOthersBesideItOrSeveralOutputsIsRefused() throws IOException {
        var two = hits("labels").output("best", DataType.INT64, -1).graph();
        assertTrue(refused(two).contains("[hit, best]"), refused(two));

        var outside = hits("labels").graph().toProto().toBuilder();
        outside.getGraphBuilder()
                .addInitializer(TensorProto.newBuilder()
                        .setName("w")
                        .setDataType(1)
                        .addDims(1)
                        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                        .addExternalData(StringStringEntryProto.newBuilder()
                                .setKey("location")
                                .setValue("w.data")));
        var file = folder.resolve("outside.onnx");
        Files.write(file, outside.build().toByteArray());
        var external = assertThrows(BadInput.class, () -> CustomMetricGraph.read(file, HIGHER))
                .getMessage();
        assertTrue(external.contains("store them inside"), external);

        var large = hits("labels");
        large.constant("large", Tensor.zeros(DataType.FLOAT, 5_000_000));
        assertTrue(refused(large.graph()).contains("but a metric may have at most 16777216"));
        Files.write(file, new byte[] {1, 2, 3});
        assertThrows(BadInput.class, () -> CustomMetricGraph.read(file, HIGHER));
    }

    @Test
    void brokenGraphsAreRefusedByName() {
        var graph = hits("labels").graph();
        graph.nodes().add(Node.of("Add", List.of("hit", "nowhere"), "sum"));

        assertTrue(refused(graph).contains("nowhere"), refused(graph));
    }
}
