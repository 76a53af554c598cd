package dev.quantline.quantize.finetune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.settings.Recipe.QuantTune;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Sample i contains the number i and has label i mod 10, and pair i has the score i mod 6; the network doubles numbers. */
class TaskDataTest {
    private static final int BATCH = 8;

    @TempDir
    private Path folder;

    private interface Use {
        void of(TaskData data);
    }

    private static Graph doubling() {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "Mul", builder.input("x", DataType.FLOAT, -1, 1), builder.constant("two", Tensor.scalar(2)));
        return builder.output("y", DataType.FLOAT, -1, 1).graph();
    }

    private void with(int count, Task task, Use use) throws IOException {
        var x = new float[count];
        var labels = new long[count];
        var scores = new float[count / 2];
        Arrays.setAll(labels, i -> i % 10);
        for (int i = 0; i < count; i++) {
            x[i] = i;
        }
        for (int pair = 0; pair < scores.length; pair++) {
            scores[pair] = pair % 6;
        }
        var arrays =
                Map.of("x", Tensor.of(x, count, 1), "labels", Tensor.vector(labels), "scores", Tensor.vector(scores));
        var model = doubling();
        var settings = new FineTuneSettings(task, false, new QuantTune(1, 4, 3, 100, BATCH, 1e-3, 0, 1, 7));
        try (var read = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)));
                var data = new TaskData(new Samples(read, model, Map.of()), settings, model, Provider.cpu())) {
            use.of(data);
        }
    }

    private static List<Integer> judged(TaskData data) {
        var numbers = new ArrayList<Integer>();
        for (int i = 0; i < data.heldOut(); i++) {
            for (float value : data.judging().batch(i).get("x").toFloats()) {
                numbers.add((int) value);
            }
        }
        return numbers;
    }

    private static TreeSet<Integer> trained(TaskData data) {
        var numbers = new TreeSet<Integer>();
        for (int i = 0; i < 3 * data.perEpoch(); i++) {
            for (float value : data.training().batch(i).get("x").toFloats()) {
                numbers.add((int) value);
            }
        }
        return numbers;
    }

    private static List<Integer> range(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    @Test
    void theLastTenthJudgesAndIsNotTrainedOn() throws IOException {
        with(240, Task.CROSS_ENTROPY, data -> {
            assertEquals(range(216, 240), judged(data));
            assertEquals(new TreeSet<>(range(0, 216)), trained(data));
            assertEquals(216 / BATCH, data.perEpoch());
            assertEquals(BATCH, data.batch());
        });
    }

    @Test
    void noMoreThan256Judge() throws IOException {
        with(4000, Task.CROSS_ENTROPY, data -> assertEquals(range(4000 - 256, 4000), judged(data)));
    }

    @Test
    void aBatchAtLeastJudges() throws IOException {
        with(2 * BATCH, Task.CROSS_ENTROPY, data -> assertEquals(range(BATCH, 2 * BATCH), judged(data)));
    }

    @Test
    void withTooFewSamplesTheSameDoBoth() throws IOException {
        with(2 * BATCH - 2, Task.CROSS_ENTROPY, data -> {
            assertEquals(range(0, BATCH), judged(data));
            assertTrue(
                    trained(data).first() < BATCH && trained(data).last() >= BATCH,
                    trained(data).toString());
        });
    }

    @Test
    void labelsComeWithTheirSamples() throws IOException {
        with(240, Task.CROSS_ENTROPY, data -> {
            for (var batch : List.of(data.training().batch(2), data.judging().batch(1))) {
                for (int row = 0; row < BATCH; row++) {
                    assertEquals((long) batch.get("x").get(row) % 10, (long)
                            batch.get("labels").get(row));
                }
                assertEquals(DataType.INT64, batch.get("labels").type());
                assertEquals(BATCH, batch.get("labels").size());
                assertFalse(batch.containsKey("scores"));
                assertFalse(batch.containsKey(TaskLoss.TEACHER));
            }
        });
    }

    @Test
    void pairsStayTogetherAndTheirScoresBecomeCosines() throws IOException {
        with(242, Task.PAIRS, data -> {
            assertEquals(range(218, 242), judged(data));
            for (var batch : List.of(data.training().batch(2), data.judging().batch(1))) {
                for (int pair = 0; pair < BATCH / 2; pair++) {
                    int first = (int) batch.get("x").get(2 * pair);
                    assertEquals(0, first % 2);
                    assertEquals(first + 1, batch.get("x").get(2 * pair + 1));
                    assertEquals(first / 2 % 6 / 5.0, batch.get("scores").get(pair), 1e-6);
                }
                assertEquals(DataType.FLOAT, batch.get("scores").type());
                assertEquals(BATCH / 2, batch.get("scores").size());
            }
        });
    }

    @Test
    void aSampleWithoutItsPairIsLeftOut() throws IOException {
        with(243, Task.PAIRS, data -> {
            assertEquals(range(218, 242), judged(data));
            assertEquals(new TreeSet<>(range(0, 218)).last(), trained(data).last());
        });
    }

    private static Tensor ones(long rows, long columns) {
        var ones = new long[(int) (rows * columns)];
        Arrays.fill(ones, 1);
        return Tensor.of(ones, rows, columns);
    }

    /** Sizes of two inputs of 40 rows of these lengths, which are open in the model or not. */
    private Map<String, long[]> sizes(boolean open, int length, int otherLength) throws IOException {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "Neg", builder.input("ids", DataType.INT64, -1, open ? -1 : length));
        builder.op("z", "Neg", builder.input("other", DataType.INT64, -1, open ? -1 : otherLength));
        var model = builder.output("y", DataType.INT64, -1, -1)
                .output("z", DataType.INT64, -1, -1)
                .graph();
        var arrays =
                Map.of("ids", ones(40, length), "other", ones(40, otherLength), "labels", Tensor.vector(new long[40]));
        var settings =
                new FineTuneSettings(Task.CROSS_ENTROPY, false, new QuantTune(1, 4, 3, 100, BATCH, 1e-3, 0, 1, 7));
        try (var read = Dataset.open(
                        List.of(Data.write(folder.resolve("sizes" + open + otherLength + ".npz"), arrays)));
                var data = new TaskData(new Samples(read, model, Map.of()), settings, model, Provider.cpu())) {
            return data.sizes();
        }
    }

    @Test
    void sentencesStayOpenInLengthAndShareANumberWhereTheyAreAlike() throws IOException {
        var alike = sizes(true, 6, 6);
        var other = sizes(true, 6, 5);
        var fixed = sizes(false, 6, 5);

        assertArrayEquals(new long[] {BATCH, -2}, alike.get("ids"));
        assertArrayEquals(new long[] {BATCH}, alike.get("labels"));
        assertArrayEquals(new long[] {BATCH, -1}, other.get("ids"));
        assertArrayEquals(new long[] {BATCH, 6}, fixed.get("ids"));
        assertArrayEquals(new long[] {BATCH, 5}, fixed.get("other"));
    }

    @Test
    void withoutTargetsTheNetworkAsItWasSaysWhatIsWanted() throws IOException {
        with(240, Task.DISTILL, data -> {
            for (var batch : List.of(data.training().batch(2), data.judging().batch(1))) {
                var doubled = batch.get("x").toFloats();
                for (int i = 0; i < doubled.length; i++) {
                    doubled[i] *= 2;
                }
                assertArrayEquals(doubled, batch.get(TaskLoss.TEACHER).toFloats());
            }
            assertEquals(
                    IntStream.range(216, 240)
                            .mapToDouble(i -> 4.0 * i * i)
                            .average()
                            .orElseThrow(),
                    data.power(),
                    1e-3);
        });
        with(240, Task.CROSS_ENTROPY, data -> assertEquals(1, data.power()));
    }
}
