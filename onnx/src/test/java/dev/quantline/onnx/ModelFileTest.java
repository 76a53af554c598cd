package dev.quantline.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ModelFileTest {
    @TempDir
    private Path folder;

    private Path models;

    @BeforeEach
    void modelsLieInAFolderOfTheirOwn() throws IOException {
        models = Files.createDirectory(folder.resolve("models"));
    }

    private Path write(ModelProto model) throws IOException {
        return Files.write(models.resolve("model.onnx"), model.toByteArray());
    }

    /** The MLP with its first bias declared external; offset and length are omitted if negative. */
    private Path external(String location, long offset, long length) throws IOException {
        var model = Networks.mlp(1).toProto().toBuilder();
        for (var tensor : model.getGraphBuilder().getInitializerBuilderList()) {
            if (tensor.getName().equals("first.bias")) {
                makeExternal(tensor, location, offset, length);
            }
        }
        return write(model.build());
    }

    private static TensorProto.Builder makeExternal(
            TensorProto.Builder tensor, String location, long offset, long length) {
        tensor.clearRawData().setDataLocation(TensorProto.DataLocation.EXTERNAL);
        tensor.addExternalData(
                StringStringEntryProto.newBuilder().setKey("location").setValue(location));
        if (offset >= 0) {
            tensor.addExternalData(
                    StringStringEntryProto.newBuilder().setKey("offset").setValue(Long.toString(offset)));
        }
        if (length >= 0) {
            tensor.addExternalData(
                    StringStringEntryProto.newBuilder().setKey("length").setValue(Long.toString(length)));
        }
        return tensor;
    }

    private static byte[] counting(int floats) {
        var bytes = ByteBuffer.allocate(4 * floats).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < floats; i++) {
            bytes.putFloat(i);
        }
        return bytes.array();
    }

    private static String refusal(Path file) {
        return assertThrows(BadInput.class, () -> ModelFile.read(file)).getMessage();
    }

    @Test
    void aWrittenModelIsReadBackTheSame() throws IOException {
        var graph = Networks.transformer(1);
        var file = models.resolve("model.onnx");

        ModelFile.write(graph, file);

        assertEquals(graph.toProto(), ModelFile.read(file).toProto());
        assertEquals(Set.of(), ModelFile.externalFiles(file));
    }

    @Test
    void largeModelsKeepTheirTensorsInAFileBesideThem() throws IOException {
        // Given
        var graph = Networks.transformer(1);
        var file = models.resolve("model.onnx");

        // When
        var written = ModelFile.write(graph, file, ModelFile.size(graph) - 1);

        // Then
        assertEquals(List.of(file, models.resolve("model.onnx.data")), written);
        assertEquals(Set.of("model.onnx.data"), ModelFile.externalFiles(file));
        assertEquals(graph.toProto(), ModelFile.read(file).toProto());
        assertTrue(Files.size(file) < ModelFile.size(graph) / 2, Files.size(file) + " bytes");
        try (var session = Session.open(file, Provider.cpu(), Session.Optimization.ALL);
                var inline = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(inline.run(Data.tokens(2, 8, 1)), session.run(Data.tokens(2, 8, 1)));
        }
    }

    @Test
    void aModelWrittenOverItsOwnFileStaysReadable() throws IOException {
        var file = models.resolve("model.onnx");
        ModelFile.write(Networks.mlp(1), file, 0);
        var read = ModelFile.read(file);

        ModelFile.write(Networks.mlp(2), file, 0);
        ModelFile.write(read, file, 0);

        assertEquals(Networks.mlp(1).toProto(), ModelFile.read(file).toProto());
    }

    @Test
    void placesAreToldBeforeTheFilesAreThere() throws IOException {
        assertEquals(Set.of("weights/all.bin"), ModelFile.externalNames(external("./weights/more/../all.bin", 16, 96)));
        assertThrows(BadInput.class, () -> ModelFile.externalNames(external("weights/../../all.bin", 16, 96)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "not a model", "{\"json\": true}", "PK\u0003\u0004 zip", "\u0093NUMPY"})
    void otherFilesAreRefusedByName(String content) throws IOException {
        var file = Files.writeString(models.resolve("photo.onnx"), content);

        assertTrue(refusal(file).contains("photo.onnx"), refusal(file));
    }

    @Test
    void aModelCutShortAnywhereIsRefused() throws IOException {
        var whole = Networks.mlp(1).toProto().toByteArray();
        for (int length = 0; length < whole.length; length += 97) {
            var file = Files.write(models.resolve("short.onnx"), Arrays.copyOf(whole, length));

            assertTrue(refusal(file).contains("short.onnx"), "cut at " + length);
        }
    }

    @Test
    void tensorsInFilesBesideTheModelAreRead() throws IOException {
        // Given
        Files.createDirectory(models.resolve("weights"));
        Files.write(models.resolve("weights/all.bin"), counting(40));

        // When
        var file = external("weights/all.bin", 16, 96);

        // Then
        var bias = ModelFile.read(file).initializers().get("first.bias").toFloats();
        assertEquals(24, bias.length);
        assertEquals(4, bias[0]);
        assertEquals(27, bias[23]);
        assertEquals(Set.of("weights/all.bin"), ModelFile.externalFiles(file));
    }

    @Test
    void offsetAndLengthMayBeLeftOut() throws IOException {
        Files.write(models.resolve("all.bin"), counting(24));

        var bias = ModelFile.read(external("all.bin", -1, -1)).initializers().get("first.bias");

        assertArrayEquals(new float[] {0, 1, 2}, Arrays.copyOf(bias.toFloats(), 3));
    }

    @ParameterizedTest
    @ValueSource(strings = {"../secret.bin", "weights/../../secret.bin", "/etc/passwd", "", ".", "..", "a\u0000b"})
    void placesOutsideTheFolderAreRefused(String location) throws IOException {
        Files.write(folder.resolve("secret.bin"), counting(24));
        var file = external(location, -1, -1);

        assertTrue(refusal(file).contains("first.bias"), refusal(file));
        assertThrows(BadInput.class, () -> ModelFile.externalFiles(file));
    }

    @Test
    void linksAreRefusedWhereverTheyStandOnTheWay() throws IOException {
        // Given
        Files.createDirectory(folder.resolve("elsewhere"));
        Files.write(folder.resolve("elsewhere/secret.bin"), counting(24));
        Files.createSymbolicLink(models.resolve("link.bin"), folder.resolve("elsewhere/secret.bin"));
        Files.createSymbolicLink(models.resolve("linked"), folder.resolve("elsewhere"));

        // Then
        assertTrue(refusal(external("link.bin", -1, -1)).contains("link.bin"));
        assertTrue(refusal(external("linked/secret.bin", -1, -1)).contains("linked/secret.bin"));
    }

    @Test
    void missingAndShortFilesAreRefusedByName() throws IOException {
        Files.write(models.resolve("short.bin"), counting(23));

        assertTrue(refusal(external("nothing.bin", -1, -1)).contains("nothing.bin"));
        assertTrue(refusal(external("short.bin", -1, -1)).contains("short.bin"));
        assertTrue(refusal(external("short.bin", 4, 92)).contains("short.bin"));
        assertTrue(refusal(external("short.bin", Long.MAX_VALUE, 96)).contains("short.bin"));
        assertTrue(refusal(external("short.bin", 0, 40)).contains("first.bias"));
    }

    @Test
    void externalDataInsideNodesIsRefused() throws IOException {
        // Given: locations that only a runtime would open
        var hidden = makeExternal(
                TensorProto.newBuilder().setName("hidden").setDataType(1).addDims(1), "../secret.bin", -1, -1);
        var constant = NodeProto.newBuilder()
                .setOpType("Constant")
                .addOutput("c")
                .addAttribute(AttributeProto.newBuilder()
                        .setName("value")
                        .setType(AttributeProto.AttributeType.TENSOR)
                        .setT(hidden));
        var inNode = Networks.mlp(1).toProto().toBuilder();
        inNode.getGraphBuilder().addNode(constant);
        var branch = GraphTest.conditional("x").toProto().toBuilder();
        branch.getAttributeBuilder(0).getGBuilder().addInitializer(hidden);
        var inBody = Networks.mlp(1).toProto().toBuilder();
        inBody.getGraphBuilder().addNode(branch);

        // Then
        assertTrue(refusal(write(inNode.build())).contains("'hidden'"));
        assertTrue(refusal(write(inBody.build())).contains("'hidden'"));
    }
}
