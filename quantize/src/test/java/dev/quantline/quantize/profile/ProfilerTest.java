package dev.quantline.quantize.profile;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ProfilerTest {
    @TempDir
    private Path folder;

    private Profile observe(Graph model, Map<String, Tensor> arrays, int from, int to, int batch, Progress progress)
            throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            return Profiler.observe(
                    model, new Samples(data, model, Map.of()), from, to, batch, List.of(), Provider.cpu(), progress);
        }
    }

    @Test
    void shardsJoinToTheProfileOfTheWholeWhateverTheBatch() throws IOException {
        // Given
        var model = PreparedModel.prepare(Networks.conv(1));
        var data = Data.images(12, 5);
        var whole = observe(model, data, 0, 12, 12, Progress.none());

        // When
        var joined = Profile.merge(List.of(
                observe(model, data, 0, 5, 2, Progress.none()), observe(model, data, 5, 12, 3, Progress.none())));

        // Then
        assertEquals(12, joined.samples());
        assertEquals(whole.tensors().keySet(), joined.tensors().keySet());
        whole.tensors().forEach((name, profile) -> {
            var other = joined.tensors().get(name).histogram();
            assertEquals(profile.histogram().total(), other.total(), name);
            // batches of other sizes may run other kernels, which round differently
            assertEquals(profile.histogram().min(), other.min(), 1e-5, name);
            assertEquals(profile.histogram().max(), other.max(), 1e-5, name);
        });
    }

    @Test
    void shardsOfAModelWithAFixedBatchLeaveOutNoFullBatch() throws IOException {
        // Given: four samples at once, and boundaries that fall inside batches
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, 4, Networks.FEATURES),
                builder.normal("w", 1, Networks.FEATURES, 2));
        var model = builder.output("y", DataType.FLOAT, 4, 2).graph();
        var data = Data.rows(19, 1);
        var whole = observe(model, data, 0, 19, 16, Progress.none());

        for (int cut : new int[] {1, 4, 6, 11, 18}) {
            // When
            var joined = Profile.merge(List.of(
                    observe(model, data, 0, cut, 16, Progress.none()),
                    observe(model, data, cut, 19, 16, Progress.none())));

            // Then: the last three do not fill a batch
            assertEquals(16, joined.samples(), "cut at " + cut);
            assertArrayEquals(
                    whole.tensors().get("x").histogram().counts(),
                    joined.tensors().get("x").histogram().counts());
        }
    }

    @Test
    void theSameShardsGiveTheSameBytes() throws IOException {
        var model = PreparedModel.prepare(Networks.transformer(1));
        var data = Data.tokens(6, 10, 5);

        for (String name : List.of("one.json", "two.json")) {
            Profile.merge(List.of(
                            observe(model, data, 0, 3, 2, Progress.none()),
                            observe(model, data, 3, 6, 2, Progress.none())))
                    .write(folder.resolve(name));
        }

        assertEquals(Files.readString(folder.resolve("one.json")), Files.readString(folder.resolve("two.json")));
    }

    @Test
    void graphInputsAreProfiledAndPaddingIsNot() throws IOException {
        // Given: 3 rows of at most 4 tokens in arrays of 9
        var model = PreparedModel.prepare(Networks.transformer(1));
        var tokens = Data.tokens(3, 9, 1);
        var mask = tokens.get("attention_mask").toLongs();
        for (int i = 0; i < mask.length; i++) {
            mask[i] = i % 9 < 4 ? 1 : 0;
        }
        tokens.put("attention_mask", Tensor.of(mask, 3, 9));

        // When
        var seen = observe(model, tokens, 0, 3, 3, Progress.none());

        // Then
        assertEquals(
                3L * 4 * Networks.WIDTH,
                seen.tensors().get("embedding.norm").histogram().total());
        assertTrue(observe(PreparedModel.prepare(Networks.mlp(1)), Data.rows(4, 1), 0, 4, 4, Progress.none())
                .tensors()
                .containsKey("x"));
    }

    @Test
    void aModelOfOneLayerIsProfiledAtItsInput() throws IOException {
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                builder.normal("w", 1, Networks.FEATURES, 2));

        var seen =
                observe(builder.output("y", DataType.FLOAT, -1, 2).graph(), Data.rows(5, 1), 0, 5, 2, Progress.none());

        assertEquals(5L * Networks.FEATURES, seen.tensors().get("x").histogram().total());
    }

    @Test
    void progressRunsToTheEnd() throws IOException {
        var heard = new ArrayList<Double>();

        observe(
                PreparedModel.prepare(Networks.mlp(1)),
                Data.rows(10, 1),
                4,
                10,
                2,
                (fraction, message) -> heard.add(fraction));

        assertArrayEquals(
                new double[] {1 / 3.0, 2 / 3.0, 1},
                heard.stream().mapToDouble(fraction -> fraction).toArray(),
                1e-12);
    }

    @Test
    void aModelWithNothingToQuantizeIsRefused() {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "Neg", builder.input("x", DataType.FLOAT, -1, Networks.FEATURES));
        var model = builder.output("y", DataType.FLOAT, -1, Networks.FEATURES).graph();

        var message = assertThrows(BadInput.class, () -> observe(model, Data.rows(2, 1), 0, 2, 1, Progress.none()))
                .getMessage();

        assertTrue(message.contains("nothing to quantize"), message);
    }

    @Test
    void aModelThatComputesInfinityIsRefusedByTensor() {
        var builder = new GraphBuilder(17, 1);
        String large = builder.op(
                "large",
                "Exp",
                builder.op(
                        "huge",
                        "Mul",
                        builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                        builder.constant("thousand", Tensor.scalar(1000))));
        builder.op("y", "MatMul", large, builder.normal("w", 1, Networks.FEATURES, 2));
        var model = builder.output("y", DataType.FLOAT, -1, 2).graph();

        var message = assertThrows(BadInput.class, () -> observe(model, Data.rows(4, 1), 0, 4, 2, Progress.none()))
                .getMessage();

        assertTrue(message.contains("'large'"), message);
    }

    @Test
    void preparingFoldsNormsAndLeavesTheOriginalAlone() {
        var original = Networks.conv(1);
        var before = original.toProto();

        var prepared = PreparedModel.prepare(original);

        assertFalse(prepared.nodes().stream().anyMatch(node -> node.is("BatchNormalization")));
        assertEquals(before, original.toProto());
    }
}
