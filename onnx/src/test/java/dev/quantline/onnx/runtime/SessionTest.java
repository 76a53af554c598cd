package dev.quantline.onnx.runtime;

import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.MemoryLimit;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class SessionTest {
    @Test
    void aGraphAndItsFileRunAlike(@TempDir Path folder) throws IOException {
        var network = Networks.conv(1);
        var file = folder.resolve("model.onnx");
        ModelFile.write(network, file);

        try (var inMemory = Session.open(network, Provider.cpu(), Session.Optimization.ALL);
                var fromFile = Session.open(file, new Provider.Cpu(1), Session.Optimization.ALL)) {
            assertEquals(Set.of("image"), fromFile.inputs());
            assertEquals(inMemory.run(Data.images(2, 1)), fromFile.run(Data.images(2, 1)));
        }
    }

    @Test
    void constantsThatAreNotCopiedGiveTheSame(@TempDir Path folder) throws IOException {
        // Given: constants in memory, and mapped from a file at arbitrary offsets
        var network = Networks.mlp(1);
        ModelFile.write(network, folder.resolve("model.onnx"));

        for (var graph : List.of(network, ModelFile.read(folder.resolve("model.onnx")))) {
            // When
            try (var copied = Session.open(graph, Provider.cpu(), Session.Optimization.ALL);
                    var shared = Session.open(graph, Provider.cpu(), Session.Optimization.ALL, 0)) {
                // Then
                assertEquals(copied.run(Data.rows(3, 1)), shared.run(Data.rows(3, 1)));
            }
        }
    }

    @Test
    void weightsThatStayInFilesGiveTheSame(@TempDir Path folder) throws IOException {
        var network = large();
        var file = folder.resolve("model.onnx");
        ModelFile.write(network, file);
        Map<String, Tensor> exact;
        try (var session = Session.open(network, Provider.cpu(), Session.Optimization.EXACT)) {
            exact = session.run(Data.rows(3, 1));
        }
        System.setProperty(MemoryLimit.WEIGHTS_IN_MEMORY.property(), "1");
        try {
            for (var optimization : Session.Optimization.values()) {
                try (var graph = Session.open(ModelFile.read(file), Provider.cpu(), optimization);
                        var opened = Session.open(file, Provider.cpu(), optimization)) {
                    // When
                    var found = graph.run(Data.rows(3, 1));

                    // Then: kernels may add in another order
                    assertEquals(Set.of("x"), graph.inputs());
                    assertArrayEquals(
                            exact.get("y").toFloats(), found.get("y").toFloats(), 1e-5f, optimization.toString());
                    assertEquals(found, opened.run(Data.rows(3, 1)));
                    var own = Tensor.zeros(DataType.FLOAT, 3, 16);
                    graph.runInto(Data.rows(3, 1), Map.of("y", own));
                    assertEquals(found.get("y"), own);
                }
            }
            Session.writeOptimized(file, Provider.cpu(), folder.resolve("optimized.onnx"));
            assertEquals(
                    1,
                    ModelFile.operators(folder.resolve("optimized.onnx")).stream()
                            .filter("Conv"::equals)
                            .count());
        } finally {
            System.clearProperty(MemoryLimit.WEIGHTS_IN_MEMORY.property());
        }
    }

    /** {@code x [batch, 8] -> y [batch, 16]}: large float weights, and large codes of weights with their scales; opset 13. */
    private static Graph large() {
        var builder = new GraphBuilder(13, 1);
        var codes = new byte[4096 * 16];
        new Random(1).nextBytes(codes);
        String x = builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        String wide = builder.op(
                "wide",
                "Gemm",
                Map.of("transB", 1L),
                x,
                builder.normal("wide.weight", .3, 4096, Networks.FEATURES),
                builder.normal("wide.bias", .3, 4096));
        String image = builder.op("image", "Reshape", wide, builder.constant("shape", Tensor.vector(-1L, 64, 8, 8)));
        String mixed = builder.op(
                "mixed",
                "Conv",
                Map.of("pads", new long[] {1, 1, 1, 1}),
                image,
                builder.normal("mixed.weight", .01, 64, 64, 3, 3));
        String weight = builder.op(
                "weight",
                "DequantizeLinear",
                builder.constant("codes", Tensor.of(DataType.INT8, codes, 4096, 16)),
                builder.constant("scale", Tensor.scalar(.0001f)));
        builder.op("y", "MatMul", builder.op("flat", "Flatten", mixed), weight);
        return builder.output("y", DataType.FLOAT, -1, 16).graph();
    }

    @Test
    void whatAModelNamesOutsideItsFolderIsNotFollowed(@TempDir Path folder) throws IOException {
        Files.write(folder.resolve("secret.bin"), new byte[4 * 24 * Networks.FEATURES]);
        var weight = TensorProto.newBuilder()
                .setName("first.weight")
                .setDataType(1)
                .addDims(24)
                .addDims(Networks.FEATURES)
                .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                .addExternalData(
                        StringStringEntryProto.newBuilder().setKey("location").setValue("../secret.bin"));
        var network = Networks.mlp(1);
        network.initializers().remove("first.weight");
        var model = network.toProto().toBuilder();
        model.getGraphBuilder().addInitializer(weight);
        var file = Files.write(
                Files.createDirectory(folder.resolve("models")).resolve("model.onnx"),
                model.build().toByteArray());

        var refused = assertThrows(BadInput.class, () -> Session.open(file, Provider.cpu(), Session.Optimization.ALL));

        assertTrue(refused.getMessage().contains("../secret.bin"), refused.getMessage());
    }

    @Test
    void refusalsAreTheRuntimesWords() {
        var ghost = Networks.mlp(1);
        ghost.nodes().removeFirst();

        assertTrue(assertThrows(BadInput.class, () -> Session.open(ghost, Provider.cpu(), Session.Optimization.ALL))
                .getMessage()
                .contains("ONNX Runtime rejects"));
        try (var session = Session.open(Networks.mlp(1), Provider.cpu(), Session.Optimization.ALL)) {
            assertTrue(assertThrows(BadInput.class, () -> session.run(Map.of()))
                    .getMessage()
                    .contains("'x' of the model is missing"));
            assertTrue(assertThrows(BadInput.class, () -> session.run(Map.of("x", Tensor.zeros(DataType.FLOAT, 1, 5))))
                    .getMessage()
                    .contains("ONNX Runtime cannot run"));
        }
    }

    @Test
    void resultsCanBeWrittenIntoMemoryOfTheCaller() {
        try (var session = Session.open(Networks.mlp(1), Provider.cpu(), Session.Optimization.ALL)) {
            var own = Tensor.zeros(DataType.FLOAT, 3, Networks.CLASSES);

            session.runInto(Data.rows(3, 1), Map.of("logits", own));

            assertArrayEquals(session.run(Data.rows(3, 1)).get("logits").toFloats(), own.toFloats());
        }
    }

    @Test
    void emptyTensorsGoInAndComeOut() {
        try (var session = Session.open(Networks.mlp(1), Provider.cpu(), Session.Optimization.ALL)) {
            var result = session.run(Map.of("x", Tensor.zeros(DataType.FLOAT, 0, Networks.FEATURES)))
                    .get("logits");

            assertArrayEquals(new long[] {0, Networks.CLASSES}, result.shape());
        }
    }

    @Test
    void outputsThatAreNoNumbersAreLeftOutAndNamedWhenAskedFor() {
        var builder = new GraphBuilder(17, 1);
        builder.op("list", "SequenceConstruct", builder.input("x", DataType.FLOAT, -1));
        builder.graph()
                .outputs()
                .add(ValueInfoProto.newBuilder()
                        .setName("list")
                        .setType(TypeProto.newBuilder()
                                .setSequenceType(TypeProto.Sequence.newBuilder()
                                        .setElemType(ValueInfos.of("x", DataType.FLOAT)
                                                .getType())))
                        .build());

        try (var session = Session.open(builder.graph(), Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(Map.of(), session.run(Map.of("x", Tensor.vector(1f))));
            var bad = assertThrows(BadInput.class, () -> session.run(Map.of("x", Tensor.vector(1f)), List.of("list")));
            assertTrue(bad.getMessage().contains("'list'"), bad.getMessage());
        }
    }

    @Test
    void halfPrecisionGoesThrough() {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "Neg", builder.input("x", DataType.FLOAT16, -1));
        var halves = Tensor.zeros(DataType.FLOAT16, 2);
        halves.data().asShortBuffer().put(new short[] {Float.floatToFloat16(1.5f), Float.floatToFloat16(-2)});

        try (var session = Session.open(
                builder.output("y", DataType.FLOAT16, -1).graph(), Provider.cpu(), Session.Optimization.ALL)) {
            assertArrayEquals(
                    new float[] {-1.5f, 2},
                    session.run(Map.of("x", halves)).get("y").toFloats());
        }
    }

    @Test
    void providersAreReadFromText() {
        assertEquals(new Provider.Cpu(0), Provider.parse("cpu"));
        assertEquals(new Provider.Cpu(3), Provider.parse("cpu:3"));
        assertEquals(new Provider.Cuda(1, 0), Provider.parse("cuda:1"));
        assertEquals(new Provider.Cuda(0, 8000), Provider.parse("cuda:0:8000"));
        for (String text : List.of("cpu", "cpu:3", "cuda:0", "cuda:1:8000")) {
            assertEquals(text, Provider.parse(text).toString());
        }
        for (String wrong :
                List.of("", "gpu", "cpu:", "cpu:-1", "cpu:1:2", "cuda:x", "cuda:0:8GB", "cuda:0:1:2", "CPU")) {
            assertTrue(
                    assertThrows(BadInput.class, () -> Provider.parse(wrong))
                            .getMessage()
                            .contains("cuda:DEVICE"),
                    wrong);
        }
    }

    @Test
    void cudaOnAProcessorBuildSaysWhatIsMissing() {
        var bad = assertThrows(
                BadInput.class, () -> Session.open(Networks.mlp(1), new Provider.Cuda(0, 0), Session.Optimization.ALL));

        assertTrue(bad.getMessage().contains("onnxruntime_gpu"), bad.getMessage());
        assertThrows(BadInput.class, new Provider.Cuda(0, 0)::check);
        new Provider.Cpu(1).check();
    }

    @Test
    void partsOfAProgressFillTheirShareOfIt() {
        var heard = new double[1];
        Progress whole = (fraction, message) -> heard[0] = fraction;

        whole.part(.5, 1).part(0, .5).report(.5, "half of the third quarter");

        assertEquals(.625, heard[0], 1e-12);
    }
}
