package dev.quantline.quantize.profile;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ProfileTest {
    private static final long SEED = 42;

    private static List<Tensor> batches(int count, long... shape) {
        var random = new Random(SEED);
        var batches = new ArrayList<Tensor>();
        for (int i = 0; i < count; i++) {
            var tensor = Tensor.zeros(DataType.FLOAT, shape);
            var values = tensor.floats();
            while (values.hasRemaining()) {
                values.put((float) (random.nextGaussian() * (i + 1)));
            }
            batches.add(tensor);
        }
        return batches;
    }

    private static Profile profile(int axis, List<Tensor> batches) {
        return new Profile(batches.size(), Map.of("x", TensorProfile.of("x", axis, batches)));
    }

    @Test
    void momentsAndChannelsAreThoseOfTheValues() {
        // Given: [2 samples, 2 channels, 2 positions]
        var values = Tensor.of(new float[] {1, 2, -3, 4, 5, 6, 7, -8}, 2, 2, 2);

        // When
        var second = TensorProfile.of("x", 1, List.of(values));
        var last = TensorProfile.of("x", -1, List.of(values));

        // Then
        assertEquals(14 / 8.0, second.mean(), 1e-12);
        assertEquals(Math.sqrt(204 / 8.0 - second.mean() * second.mean()), second.deviation(), 1e-12);
        assertArrayEquals(new float[] {1, -8}, second.channelMin());
        assertArrayEquals(new float[] {6, 7}, second.channelMax());
        assertArrayEquals(new double[] {14 / 4.0, 0}, second.channelMean(), 1e-12);
        assertArrayEquals(new double[] {66 / 4.0, 138 / 4.0}, second.channelMeanSquare(), 1e-12);
        assertArrayEquals(new float[] {-3, -8}, last.channelMin());
        assertArrayEquals(new float[] {7, 6}, last.channelMax());
    }

    @Test
    void howASetIsSplitDoesNotMatter() {
        // Given
        var batches = batches(9, 2, 3, 4);
        var whole = profile(1, batches).tensors().get("x");

        for (int parts = 1; parts <= 9; parts++) {
            // When
            var some = new ArrayList<Profile>();
            for (int i = 0; i < parts; i++) {
                some.add(profile(1, batches.subList(9 * i / parts, 9 * (i + 1) / parts)));
            }
            var merged = Profile.merge(some);

            // Then
            assertEquals(9, merged.samples());
            var x = merged.tensors().get("x");
            assertArrayEquals(whole.histogram().counts(), x.histogram().counts());
            assertArrayEquals(whole.channelMin(), x.channelMin());
            assertArrayEquals(whole.channelMax(), x.channelMax());
            assertArrayEquals(whole.channelMean(), x.channelMean(), 1e-9);
            assertEquals(whole.deviation(), x.deviation(), 1e-9);
        }
    }

    @Test
    void channelsThatBatchesDisagreeAboutAreForgottenWhereverTheSetIsSplit() {
        // Given: the last axis is as long as the sequence
        var batches = List.of(
                batches(1, 2, 3).getFirst(),
                batches(1, 2, 4).getFirst(),
                batches(1, 2, 3).getFirst(),
                batches(1, 2, 3).getFirst());

        for (int cut = 0; cut <= 4; cut++) {
            // When
            var merged =
                    Profile.merge(List.of(profile(-1, batches.subList(0, cut)), profile(-1, batches.subList(cut, 4))));

            // Then
            assertEquals(0, merged.tensors().get("x").channelMin().length, "cut at " + cut);
            assertEquals(0, merged.tensors().get("x").channelMeanSquare().length, "cut at " + cut);
            assertEquals(26, merged.tensors().get("x").histogram().total());
        }
    }

    @Test
    void scalarsAndEmptyTensorsAreTaken() {
        var profile = TensorProfile.of(
                "x", 1, List.of(Tensor.scalar(3), Tensor.zeros(DataType.FLOAT, 0, 4), Tensor.scalar(-1)));

        assertEquals(2, profile.histogram().total());
        assertEquals(-1, profile.histogram().min());
        assertEquals(1, profile.mean(), 1e-12);
    }

    @Test
    void notANumberNamesTheActivation() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            var values = Tensor.vector(1f, bad, 2f);

            var message = assertThrows(BadInput.class, () -> TensorProfile.of("layer0.softmax", -1, List.of(values)))
                    .getMessage();

            assertTrue(message.contains("'layer0.softmax'"), message);
        }
    }

    @Test
    void filesKeepEverything(@TempDir Path folder) throws IOException {
        // Given: values, none at all, and numbers of channels that differ
        var tensors = new LinkedHashMap<String, TensorProfile>();
        tensors.put("x", TensorProfile.of("x", 1, batches(3, 2, 3)));
        tensors.put("nothing", TensorProfile.of("nothing", 1, List.of()));
        tensors.put(
                "mixed",
                TensorProfile.of(
                        "mixed",
                        -1,
                        List.of(batches(1, 2, 3).getFirst(), batches(1, 2, 4).getFirst())));
        var profile = new Profile(3, tensors);
        var file = folder.resolve("profile.json");

        // When
        profile.write(file);
        var read = Profile.read(file);
        read.write(folder.resolve("again.json"));

        // Then
        assertEquals(Files.readString(file), Files.readString(folder.resolve("again.json")));
        assertEquals(
                List.of("x", "nothing", "mixed"), List.copyOf(read.tensors().keySet()));
        var more = new Profile(1, Map.of("mixed", TensorProfile.of("mixed", -1, batches(1, 2, 3))));
        assertEquals(
                0, Profile.merge(List.of(read, more)).tensors().get("mixed").channelMin().length);
    }

    @Test
    void otherFilesAreRefused(@TempDir Path folder) throws IOException {
        var file = Files.writeString(folder.resolve("profile.json"), "[1, 2");

        assertTrue(assertThrows(BadInput.class, () -> Profile.read(file))
                .getMessage()
                .contains("profile.json"));
    }
}
