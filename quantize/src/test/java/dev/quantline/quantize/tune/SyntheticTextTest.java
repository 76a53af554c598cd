package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
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
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class SyntheticTextTest {
    private static final int VOCABULARY = 5;

    @TempDir
    private Path folder;

    /** Predicts the token after the last one, with {@code certainty} nats more than others, and ignores the mask. */
    private static Graph counter(double certainty, long... inputShape) {
        var graph = Graph.empty(20);
        var logits = new float[VOCABULARY * VOCABULARY];
        for (int token = 0; token < VOCABULARY; token++) {
            logits[token * VOCABULARY + (token + 1) % VOCABULARY] = (float) certainty;
        }
        for (String input : List.of("input_ids", "attention_mask")) {
            graph.inputs().add(ValueInfos.of(input, DataType.INT64, inputShape));
        }
        graph.outputs().add(ValueInfos.of("logits", DataType.FLOAT, -1, -1, VOCABULARY));
        String table = graph.addConstant("table", Tensor.of(logits, VOCABULARY, VOCABULARY));
        graph.nodes().add(Node.of("Gather", List.of(table, "input_ids"), "logits"));
        return graph;
    }

    /** Two samples, 3 and 2 tokens long. */
    private Samples given(Graph model) throws IOException {
        var ids = Tensor.of(new long[] {3, 3, 3, 1, 1, 0}, 2, 3);
        var mask = Tensor.of(new long[] {1, 1, 1, 1, 1, 0}, 2, 3);
        return new Samples(
                Dataset.open(List.of(
                        Data.write(folder.resolve("given.npz"), Map.of("input_ids", ids, "attention_mask", mask)))),
                model,
                Map.of());
    }

    private List<String> written(Graph model, int wanted, long seed) throws IOException {
        var file = Files.createTempFile(folder, "written", ".npz");
        new SyntheticText(model, Optional.empty(), given(model), Provider.cpu())
                .save(wanted, 4, seed, file, Progress.none());
        var rows = new ArrayList<String>();
        try (var data = Dataset.open(List.of(file))) {
            data.forEachBatch(
                    0,
                    data.size(),
                    1,
                    batch -> rows.add(text(batch, "input_ids") + " " + text(batch, "attention_mask")));
        }
        return rows;
    }

    private static String text(Dataset.Batch batch, String array) {
        var text = new StringBuilder();
        for (long token : batch.arrays().get(array).toLongs()) {
            text.append(token);
        }
        return text.toString();
    }

    @Test
    void sequencesBeginAsTheSamplesDoAndGoOnAsTheModelExpectsBeforeTheSamplesThemselves() throws IOException {
        for (var model : List.of(counter(100, -1, -1), counter(100, -1, 3))) {
            assertEquals(List.of("340 111", "123 111", "340 111", "333 111", "110 110"), written(model, 5, 0));
        }
    }

    @Test
    void tokensAreDrawnAndFollowFromTheSeed() throws IOException {
        var unsure = counter(0, -1, -1);

        assertEquals(written(unsure, 8, 1), written(unsure, 8, 1));
        assertFalse(written(unsure, 8, 1).equals(written(unsure, 8, 2)));
        assertTrue(written(unsure, 8, 1).stream().distinct().count() > 4);
    }

    @Test
    void threeQuartersAtMostAreWritten() throws IOException {
        assertEquals(8, written(counter(1, -1, -1), 100, 0).size());
    }

    @Test
    void onlyWhatTakesTokensAndGivesLogitsCanWrite() {
        assertTrue(SyntheticText.writes(counter(1, -1, -1), Optional.empty()));
        assertFalse(SyntheticText.writes(Networks.mlp(1), Optional.empty()));
        var flat = counter(1, -1, -1);
        flat.outputs().clear();
        flat.nodes().add(Node.of("ReduceMean", List.of("logits"), "mean").with("keepdims", 0L));
        flat.outputs().add(ValueInfos.of("mean", DataType.FLOAT));
        assertFalse(SyntheticText.writes(flat, Optional.empty()));
    }

    private List<Double> heard(Graph model, Samples given, int batch) throws IOException {
        var heard = new ArrayList<Double>();
        new SyntheticText(model, Optional.empty(), given, Provider.cpu())
                .save(5, batch, 0, folder.resolve("out.npz"), (done, message) -> heard.add(done));
        return heard;
    }

    /** Three are written, two at once and then one; the first of three tokens in each is given. */
    @Test
    void progressCountsTheTokensOfWhatIsWanted() throws IOException {
        var model = counter(1, -1, -1);

        var heard = heard(model, given(model), 2);

        assertArrayEquals(
                new double[] {2 / 9.0, 4 / 9.0, 7 / 9.0, 8 / 9.0},
                heard.stream().mapToDouble(done -> done).toArray(),
                1e-12);
    }

    @Test
    void sequencesBeginWithTheFirstTokenThatIsNoPaddingAndWithoutAMaskWithTheFirst() throws IOException {
        var padded = counter(100, -1, -1);
        var ids = Tensor.of(new long[] {0, 3, 3, 2, 2, 2}, 2, 3);
        var mask = Tensor.of(new long[] {0, 1, 1, 1, 1, 1}, 2, 3);
        var bare = counter(100, -1, -1);
        bare.inputs().removeIf(input -> input.getName().equals("attention_mask"));

        try (var both = Dataset.open(List.of(
                        Data.write(folder.resolve("both.npz"), Map.of("input_ids", ids, "attention_mask", mask))));
                var alone = Dataset.open(List.of(Data.write(folder.resolve("alone.npz"), Map.of("input_ids", ids))))) {
            heard(padded, new Samples(both, padded, Map.of()), 4);
            assertEquals(List.of("340", "234", "340", "033", "222"), tokens());
            heard(bare, new Samples(alone, bare, Map.of()), 4);
            assertEquals(List.of("012", "234", "012", "033", "222"), tokens());
        }
    }

    private List<String> tokens() throws IOException {
        var rows = new ArrayList<String>();
        try (var data = Dataset.open(List.of(folder.resolve("out.npz")))) {
            data.forEachBatch(0, data.size(), 1, batch -> rows.add(text(batch, "input_ids")));
        }
        return rows;
    }

    @Test
    void tokensAreWholeNumbersOfEightBytes() {
        var small = counter(1, -1, -1);
        small.inputs().replaceAll(input -> ValueInfos.of(input.getName(), DataType.INT32, -1, -1));

        assertFalse(SyntheticText.writes(small, Optional.empty()));
    }
}
