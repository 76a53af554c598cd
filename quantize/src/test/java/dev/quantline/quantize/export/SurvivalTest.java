package dev.quantline.quantize.export;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.FunctionProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.TensorProtos;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Products;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What an export carries along unchanged: subgraphs, names, open axes, metadata; at opsets that are converted or not. */
class SurvivalTest {
    private static final int WIDTH = 32;
    private static final long[] SCALAR = {};
    private static final String CUSTOM = "dev.example";

    @TempDir
    private Path folder;

    /** Exports with this weight width; returns what it read and wrote. */
    private Exported export(ModelProto model, int weightBits) throws IOException {
        var file = Files.write(folder.resolve("original.onnx"), model.toByteArray());
        var rows = Data.write(folder.resolve("data.npz"), Map.of("x", rows(48)));
        var original = ModelFile.read(file);
        try (var data = Dataset.open(List.of(rows))) {
            var samples = new Samples(data, original, Map.of());
            var settings = CalibrateSettings.plain(ActivationRange.MSE, weightBits, 8, List.of());
            var stages = Stages.run(PreparedModel.prepare(original), samples, settings);
            var out = Files.createDirectory(folder.resolve("out"));
            var report = Exporter.export(
                    new Exporter.Job(
                            "job",
                            "int8",
                            file,
                            stages.model(),
                            stages.plan(),
                            stages.table(),
                            Target.CPU,
                            Optional.empty(),
                            samples,
                            Measure.of("fidelity"),
                            OptionalDouble.empty(),
                            List.of(),
                            new Report.Provenance("a", "b", "c", "1", 0),
                            Products.STANDARD,
                            16,
                            Provider.cpu()),
                    out,
                    Progress.none());
            return new Exported(original, ModelFile.read(out.resolve("model.onnx")), report);
        }
    }

    private record Exported(Graph original, Graph result, Report report) {
        Node node(String name) {
            return result.nodes().stream()
                    .filter(node -> node.name().equals(name))
                    .findFirst()
                    .orElseThrow();
        }

        void assertClose(int layers) {
            assertEquals(original.inputs(), result.inputs());
            assertEquals(original.outputs(), result.outputs());
            assertEquals(layers, report.layers().size(), report.layers().toString());
            assertTrue(report.kernels().integer() > 0, report.kernels().toString());
            assertTrue(
                    report.fidelity().cosine() > .97,
                    "cosine " + report.fidelity().cosine());
            assertEquals(List.of(1, 2, 5), report.simulation().shapes());
        }
    }

    private static Tensor rows(int samples) {
        var random = new Random(3);
        var values = new float[samples * WIDTH];
        IntStream.range(0, values.length).forEach(i -> values[i] = (float) random.nextGaussian());
        return Tensor.of(values, samples, WIDTH);
    }

    private static GraphBuilder draft(int opset) {
        var builder = new GraphBuilder(opset, 1);
        builder.op(
                "first.relu",
                "Relu",
                builder.op(
                        "first",
                        "MatMul",
                        builder.input("x", DataType.FLOAT, -1, WIDTH),
                        builder.normal("first.weight", .25, WIDTH, WIDTH)));
        return builder;
    }

    private static String product(GraphBuilder builder, String name, String x) {
        return builder.op(name, "MatMul", x, builder.normal(name + ".weight", .25, WIDTH, WIDTH));
    }

    private static NodeProto.Builder op(String op, String output, String... inputs) {
        return NodeProto.newBuilder()
                .setOpType(op)
                .setName(output + "_node")
                .addOutput(output)
                .addAllInput(List.of(inputs));
    }

    private static AttributeProto body(String name, GraphProto.Builder body) {
        return AttributeProto.newBuilder()
                .setName(name)
                .setType(AttributeProto.AttributeType.GRAPH)
                .setG(body.setName(name))
                .build();
    }

    @ParameterizedTest
    @CsvSource({"13, 8", "17, 8", "17, 4"})
    void bodiesOfIfAndLoopStayFloatAsTheyAre(int opset, int bits) throws IOException {
        // Given: an If with its own weight, and a Loop that reads a weight and an activation of the surrounding graph
        var builder = draft(opset);
        builder.op(
                "positive",
                "Greater",
                builder.op("total", "ReduceSum", Map.of("keepdims", 0L), "x"),
                builder.constant("zero", Tensor.scalar(0).reshape()));
        builder.constant("three", Tensor.vector(3L).reshape());
        builder.normal("shared.weight", .25, WIDTH, WIDTH);
        builder.op(
                "y",
                "Add",
                product(builder, "last", "looped"),
                builder.op("other", "MatMul", "first.relu", "shared.weight"));
        builder.output("y", DataType.FLOAT, -1, WIDTH);
        var model = builder.graph().toProto().toBuilder();
        var own = TensorProtos.toProto("own.weight", rows(WIDTH));
        var result = ValueInfos.of("branch", DataType.FLOAT, -1, WIDTH);
        var choice = op("If", "chosen", "positive")
                .setName("choice")
                .addAttribute(body(
                        "then_branch",
                        GraphProto.newBuilder()
                                .addInitializer(own)
                                .addNode(op("MatMul", "inside", "first.relu", "own.weight"))
                                .addNode(op("Tanh", "branch", "inside"))
                                .addOutput(result)))
                .addAttribute(body(
                        "else_branch",
                        GraphProto.newBuilder()
                                .addNode(op("Neg", "branch", "first.relu"))
                                .addOutput(result)));
        var repeat = op("Loop", "looped", "three", "", "chosen")
                .setName("repeat")
                .addAttribute(body(
                        "body",
                        GraphProto.newBuilder()
                                .addInput(ValueInfos.of("round", DataType.INT64, SCALAR))
                                .addInput(ValueInfos.of("go", DataType.BOOL, SCALAR))
                                .addInput(ValueInfos.of("state", DataType.FLOAT, -1, WIDTH))
                                .addNode(op("MatMul", "turned", "state", "shared.weight"))
                                .addNode(op("Add", "moved", "turned", "first.relu"))
                                .addNode(op("Tanh", "next", "moved"))
                                .addNode(op("Identity", "on", "go"))
                                .addOutput(ValueInfos.of("on", DataType.BOOL, SCALAR))
                                .addOutput(ValueInfos.of("next", DataType.FLOAT, -1, WIDTH))));
        model.getGraphBuilder().addNode(4, choice).addNode(5, repeat);

        // When
        var exported = export(model.build(), bits);

        // Then
        for (var name : List.of("choice", "repeat")) {
            var before = exported.original().nodes().stream()
                    .filter(node -> node.name().equals(name))
                    .findFirst()
                    .orElseThrow();
            assertEquals(before.attributes(), exported.node(name).attributes());
            assertEquals(before.outputs(), exported.node(name).outputs());
        }
        assertEquals(
                exported.original().initializers().get("shared.weight"),
                exported.result().initializers().get("shared.weight"));
        exported.assertClose(3);
    }

    @ParameterizedTest
    @CsvSource({"13, 8", "17, 8", "17, 4"})
    void functionsOfTheModelAreQuantizedWhereTheyAreCalled(int opset, int bits) throws IOException {
        // Given
        var builder = draft(opset);
        builder.normal("inner.weight", .25, WIDTH, WIDTH);
        product(builder, "y", "wrapped");
        var model = builder.output("y", DataType.FLOAT, -1, WIDTH).graph().withOpset(CUSTOM, 1).toProto().toBuilder();
        model.setIrVersion(8)
                .addFunctions(FunctionProto.newBuilder()
                        .setName("Block")
                        .setDomain(CUSTOM)
                        .addInput("a")
                        .addInput("w")
                        .addOutput("b")
                        .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset))
                        .addNode(op("MatMul", "c", "a", "w"))
                        .addNode(op("Tanh", "b", "c")));
        model.getGraphBuilder()
                .addNode(
                        2,
                        op("Block", "wrapped", "first.relu", "inner.weight")
                                .setDomain(CUSTOM)
                                .setName("block"));

        // When
        var exported = export(model.build(), bits);

        // Then
        assertEquals(0, exported.result().toProto().getFunctionsCount());
        assertEquals("block/c_node", exported.report().layers().get(1).name());
        assertEquals(List.of("wrapped"), exported.node("block/b_node").outputs());
        exported.assertClose(3);
    }

    @ParameterizedTest
    @CsvSource({"13, 8", "17, 8", "17, 4"})
    void namesAxesAndMetadataStay(int opset, int bits) throws IOException {
        // Given
        var builder = draft(opset);
        product(builder, "y", "first.relu");
        var graph = builder.output("y", DataType.FLOAT, -1, WIDTH).graph();
        var model = graph.withMetadata(Map.of("author", "someone", "classes", "a,b")).toProto().toBuilder()
                .setDocString("for people")
                .setProducerName("exporter")
                .setProducerVersion("1.2")
                .setDomain("org.example")
                .setModelVersion(5);
        model.getGraphBuilder()
                .setName("a graph")
                .setDocString("of two layers")
                .getInputBuilder(0)
                .setDocString("rows");

        // When
        var result = export(model.build(), bits).result().toProto();

        // Then
        assertEquals(
                "batch",
                result.getGraph()
                        .getInput(0)
                        .getType()
                        .getTensorType()
                        .getShape()
                        .getDim(0)
                        .getDimParam());
        assertEquals(
                "batch",
                result.getGraph()
                        .getOutput(0)
                        .getType()
                        .getTensorType()
                        .getShape()
                        .getDim(0)
                        .getDimParam());
        assertEquals(
                List.of("for people", "exporter", "1.2", "org.example", "5", "a graph", "of two layers", "rows"),
                List.of(
                        result.getDocString(),
                        result.getProducerName(),
                        result.getProducerVersion(),
                        result.getDomain(),
                        Long.toString(result.getModelVersion()),
                        result.getGraph().getName(),
                        result.getGraph().getDocString(),
                        result.getGraph().getInput(0).getDocString()));
        var metadata = Graph.of(result).metadata();
        assertEquals("someone", metadata.get("author"));
        assertEquals("a,b", metadata.get("classes"));
        assertEquals("a", metadata.get("quantline.model.sha256"));
    }

    @ParameterizedTest
    @CsvSource({"13, 8", "17, 4"})
    void externalDataComesInAndGoesInline(int opset, int bits) throws IOException {
        // Given
        var builder = draft(opset);
        product(builder, "y", "first.relu");
        var model = builder.output("y", DataType.FLOAT, -1, WIDTH).graph().toProto().toBuilder();
        for (var weight : model.getGraphBuilder().getInitializerBuilderList()) {
            Files.write(folder.resolve(weight.getName()), weight.getRawData().toByteArray());
            weight.clearRawData()
                    .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                    .addExternalData(StringStringEntryProto.newBuilder()
                            .setKey("location")
                            .setValue(weight.getName()));
        }

        // When
        var exported = export(model.build(), bits);

        // Then
        exported.assertClose(2);
        assertEquals(
                2 * WIDTH * WIDTH * 4 + Files.size(folder.resolve("original.onnx")),
                exported.report().original().bytes());
        try (var alone = Session.open(
                Files.copy(
                        folder.resolve("out/model.onnx"),
                        Files.createDirectory(folder.resolve("alone")).resolve("model.onnx")),
                Provider.cpu(),
                Session.Optimization.ALL)) {
            assertEquals(3, alone.run(Map.of("x", rows(3))).get("y").dim(0));
        }
    }
}
