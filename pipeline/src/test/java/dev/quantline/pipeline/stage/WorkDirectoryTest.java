package dev.quantline.pipeline.stage;

import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class WorkDirectoryTest {
    @TempDir
    static Path folder;

    private static RealStore real;
    private static Store store;

    @BeforeAll
    static void start() throws IOException {
        real = RealStore.start(folder, 1 << 20);
        store = real.store();
    }

    @AfterAll
    static void stop() {
        real.close();
    }

    @Test
    void aModelBringsTheExternalDataItNames() throws IOException {
        // Given: tensors in two files, one of them in a folder, and a file nobody names
        store.write("inputs/a/model.onnx", model("first.bin", "weights/second.bin"));
        store.write("inputs/a/first.bin", new byte[] {0, 0, (byte) 0x80, 0x3f});
        store.write("inputs/a/weights/second.bin", new byte[] {0, 0, 0, 0x40});
        store.write("inputs/a/other.bin", new byte[1]);

        // When
        try (var place = place();
                var later = place()) {
            var fetched = place.fetch(Map.of("model", new Source.Given(store.ref("inputs/a/model.onnx"))));
            later.fetchKnown(fetched);

            // Then
            assertEquals(3, fetched.get("model").size());
            assertTensors(place.local(fetched));
            assertTensors(later.local(fetched));
        }
    }

    @Test
    void aResultFindsItsExternalDataUnderAnotherHash() throws IOException {
        // Given: a stage's model and its data, each stored under the hash of its own content
        var written = Files.createDirectory(folder.resolve("written"));
        var model = Files.write(written.resolve("model.onnx"), model("model.onnx.data"));
        var data = Files.write(written.resolve("model.onnx.data"), new byte[] {0, 0, (byte) 0x80, 0x3f});
        var stored = List.of(
                store.putContent("jobs/j/tune/result/", "model.onnx", model),
                store.putContent("jobs/j/tune/result/", "model.onnx.data", data));

        // When
        try (var place = place()) {
            place.fetchKnown(Map.of("model", stored));

            // Then
            var local = place.local(Map.of("model", stored)).get("model").getFirst();
            assertArrayEquals(
                    new float[] {1},
                    ModelFile.read(local).initializers().get("w0").toFloats());
        }
    }

    @Test
    void dataThatIsMissingOrLiesElsewhereIsRefused() {
        store.write("inputs/secret.bin", new byte[4]);
        store.write("inputs/b/model.onnx", model("../secret.bin"));
        store.write("inputs/c/model.onnx", model("missing.bin"));

        assertTrue(refusal("inputs/b/model.onnx")
                .contains("'../secret.bin' must be a plain file inside the model's folder"));
        assertTrue(refusal("inputs/c/model.onnx").contains("no such object: s3://quantline/inputs/c/missing.bin"));
    }

    private static void assertTensors(Map<String, List<Path>> local) throws IOException {
        var tensors = ModelFile.read(local.get("model").getFirst()).initializers();
        assertArrayEquals(new float[] {1}, tensors.get("w0").toFloats());
        assertArrayEquals(new float[] {2}, tensors.get("w1").toFloats());
    }

    private static String refusal(String key) {
        try (var place = place()) {
            return assertThrows(BadInput.class, () -> place.fetch(Map.of("model", new Source.Given(store.ref(key)))))
                    .getMessage();
        }
    }

    private static WorkDirectory place() {
        return new WorkDirectory(folder.resolve("scratch"), store, bytes -> {});
    }

    /** A model of FLOAT scalars {@code w0, w1, ...}, each in the file named. */
    private static byte[] model(String... files) {
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, 1));
        var model = graph.toProto().toBuilder();
        for (var file : files) {
            model.getGraphBuilder()
                    .addInitializer(TensorProto.newBuilder()
                            .setName("w" + Arrays.asList(files).indexOf(file))
                            .setDataType(DataType.FLOAT.code())
                            .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                            .addExternalData(StringStringEntryProto.newBuilder()
                                    .setKey("location")
                                    .setValue(file)));
        }
        return model.build().toByteArray();
    }
}
