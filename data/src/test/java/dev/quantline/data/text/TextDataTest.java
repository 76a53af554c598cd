package dev.quantline.data.text;

import dev.quantline.data.DataCheck;
import dev.quantline.data.Subset;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.NpzArrays;
import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Numbers of tokens are those that Python's tokenizers library gives for the two small vocabularies. */
class TextDataTest {
    @TempDir
    Path folder;

    @Test
    void linesArePaddedToTheLongest() throws Exception {
        var text = file("a.txt", "The cat sleeps .\n\n  a dog \n");

        var result = write(text, "sentences", Networks.transformer(1), TextSettings.plain());

        assertEquals(2, result.rows());
        assertArrayEquals(new long[] {2, 4, 6, 8, 14, 3, 2, 5, 7, 3, 0, 0}, read("input_ids"));
        assertArrayEquals(new long[] {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, read("attention_mask"));
        assertEquals(1 - 10 / 12., result.padding(), 1e-9);
        assertEquals(
                List.of(),
                DataCheck.of(out(), Networks.transformer(1), Map.of()).findings());
    }

    @Test
    void textsAreCutToTheLength() throws Exception {
        var text = file("a.txt", "the cat sleeps on the red mat .\na dog\n");

        var result = write(text, "sentences", Networks.transformer(1), length(5));

        assertArrayEquals(new long[] {2, 4, 6, 8, 3, 2, 5, 7, 3, 0}, read("input_ids"));
        assertEquals(1, result.cut());
    }

    @Test
    void pairsAndScoresAreWhatTheMetricTakes() throws Exception {
        var text = file("a.tsv", "score\tsentence1\tsentence2\n4.5\tthe \"cat\"\ta dog\n0\ta cat runs\tthe mat\n");

        var result = write(text, "sentences", Networks.transformer(1), TextSettings.plain());

        assertEquals(Optional.of("pairs"), result.metric());
        assertEquals(4, result.rows());
        try (var data = Dataset.open(List.of(out()))) {
            assertEquals(4, data.size());
            assertArrayEquals(new float[] {4.5f, 0}, data.target("scores"));
        }
        var ids = read("input_ids");
        assertEquals(7, ids[ids.length / 4 + 2], "the dog of the first pair is row 1");
    }

    @Test
    void jointPairsHaveTypesAndLabels() throws Exception {
        var text = file("a.csv", "premise,hypothesis,label\nthe cat,a dog,no\n\"a, cat\",a cat,yes\n");
        var builder = new GraphBuilder(13, 1);
        for (var name : List.of("input_ids", "attention_mask", "token_type_ids", "position_ids")) {
            builder.input(name, DataType.INT32, -1, 8);
        }
        var settings = new TextSettings(
                OptionalInt.empty(),
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                true,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                new Subset(0, 0));

        var result = write(text, "sentences", builder.graph(), settings);

        assertArrayEquals(new long[] {2, 4, 6, 3, 5, 7, 3, 0}, first("input_ids", 8));
        assertArrayEquals(new long[] {0, 0, 0, 0, 1, 1, 1, 0}, first("token_type_ids", 8));
        assertArrayEquals(new long[] {0, 1, 2, 3, 4, 5, 6, 7}, first("position_ids", 8));
        assertArrayEquals(new long[] {0, 1}, read("labels"));
        assertEquals(Optional.of("top1"), result.metric());
        try (var npz = NpzArrays.open(out())) {
            assertEquals(DataType.INT32, npz.list().getFirst().type());
        }
    }

    @Test
    void aTextIsCutInBlocksBehindItsOpening() throws Exception {
        // Given 11 tokens and a model without a mask
        var text = file("a.txt", "the cat sleeps\non the mat .\nthe dog runs and\n");
        var settings = settings(OptionalInt.of(5), true, new Subset(0, 0));
        // When blocks of five are cut
        var result = write(text, "causal", causal(), settings);
        // Then each begins as texts do, and three tokens at the end fill none
        assertArrayEquals(new long[] {1, 3, 5, 7, 9, 1, 3, 12, 13, 3}, read("input_ids"));
        assertEquals("blocks of a text of 11 tokens, each after \"<s>\"", result.described());
        assertEquals(Optional.of("perplexity"), result.metric());
    }

    @Test
    void withoutAMaskShortTextsAreLeftOut() throws Exception {
        var text = file("a.txt", "the cat\nthe cat sleeps on the mat\n");

        var result = write(text, "causal", causal(), length(4));

        assertArrayEquals(new long[] {1, 3, 5, 7}, read("input_ids"));
        assertEquals(1, result.leftOut());
        assertTrue(assertThrows(BadInput.class, () -> write(text, "causal", causal(), TextSettings.plain()))
                .getMessage()
                .contains("use --length N"));
        assertTrue(assertThrows(BadInput.class, () -> write(text, "causal", causal(), length(50)))
                .getMessage()
                .contains("none of 2 texts has 50 tokens"));
    }

    @Test
    void someAreChosenBySeed() throws Exception {
        var lines = new StringBuilder();
        for (int i = 0; i < 700; i++) {
            lines.append("cat ".repeat(i % 9 + 1)).append('\n');
        }
        var text = file("a.txt", lines.toString());
        var some = settings(OptionalInt.empty(), false, new Subset(300, 5));

        assertEquals(
                300, write(text, "sentences", Networks.transformer(1), some).rows());
        var bytes = Files.readAllBytes(out());
        write(text, "sentences", Networks.transformer(1), some);
        assertArrayEquals(bytes, Files.readAllBytes(out()));
        var chosen = new Subset(300, 6).chosen(700);
        assertEquals(300, chosen.cardinality());
        assertFalse(chosen.equals(new Subset(300, 5).chosen(700)));
    }

    @Test
    void piecesAreTheTextAndEndBeforeALine() throws Exception {
        var text = "one line\n  indented\n\nnext paragraph\n" + "word ".repeat(30) + "\n" + "x".repeat(60);
        var pieces = new ArrayList<String>();

        Pieces.of(file("a.txt", text), 24, pieces::add);

        assertEquals(text, String.join("", pieces));
        assertTrue(
                pieces.contains("next paragraph\n") || pieces.contains("one line\n  indented\n\n"), pieces::toString);
    }

    @Test
    void whatCannotBeUsedIsNamed() throws Exception {
        var model = Networks.transformer(1);
        refused(file("a.csv", "sentence1,sentence2,score\na,b,much\n"), model, "row 1 has the score 'much'");
        refused(file("a.csv", "left,right\na,b\n"), model, "no column called text");
        refused(file("a.txt", "\n"), model, "contains no texts");
        refused(folder.resolve("none.txt"), model, "no such file");
        refused(file("a.txt", "the cat\n"), Networks.conv(1), "no input called input_ids");
        var latin = folder.resolve("latin.txt");
        Files.write(latin, new byte[] {'a', (byte) 0xe9, '\n'});
        refused(latin, model, "is not UTF-8 text");
        assertTrue(assertThrows(BadInput.class, () -> TokenizerFile.open(file("t.json", "{}"), OptionalInt.empty()))
                .getMessage()
                .contains("not a readable tokenizer.json"));
        assertTrue(assertThrows(BadInput.class, () -> TokenizerFile.open(file("t.json", "text"), OptionalInt.empty()))
                .getMessage()
                .contains("is not JSON"));
    }

    private void refused(Path text, Graph model, String reason) {
        var message = assertThrows(BadInput.class, () -> write(text, "sentences", model, TextSettings.plain()))
                .getMessage();
        assertTrue(message.contains(reason), message);
    }

    private static Graph causal() {
        var builder = new GraphBuilder(13, 1);
        builder.input("input_ids", DataType.INT64, -1, -1);
        return builder.graph();
    }

    private static TextSettings length(int tokens) {
        return settings(OptionalInt.of(tokens), false, new Subset(0, 0));
    }

    private static TextSettings settings(OptionalInt length, boolean blocks, Subset subset) {
        return new TextSettings(
                length,
                blocks,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false,
                subset);
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private Path out() {
        return folder.resolve("out.npz");
    }

    private TextData.Result write(Path text, String tokenizer, Graph model, TextSettings settings)
            throws IOException, URISyntaxException {
        var json = Path.of(
                TextDataTest.class.getResource(tokenizer + "-tokenizer.json").toURI());
        return TextData.write(text, json, model, settings, out(), Progress.none());
    }

    private long[] read(String array) throws IOException {
        return whole(array).toLongs();
    }

    private long[] first(String array, int count) throws IOException {
        return Arrays.copyOf(whole(array).toLongs(), count);
    }

    private Tensor whole(String array) throws IOException {
        try (var npz = NpzArrays.open(out())) {
            return npz.first(array, Integer.MAX_VALUE);
        }
    }
}
