package dev.quantline.data;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Normalization;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class DataCheckTest {
    private static final Map<String, Normalization> HALF =
            Map.of("image", new Normalization(new float[] {.5f, .5f, .5f}, new float[] {.5f, .5f, .5f}));

    @TempDir
    Path folder;

    @Test
    void goodDataIsTold() throws IOException {
        var result = check(Networks.conv(1), Data.images(4, 1), Map.of());

        assertEquals(List.of(), result.findings());
        assertEquals(1, result.table().size());
        assertTrue(
                result.table()
                        .getFirst()
                        .matches("input image +FLOAT \\[batch, 3, 8, 8] +gets array 'image' FLOAT \\[4, 3, 8, 8], "
                                + "samples along axis 0"),
                result.table()::getFirst);
    }

    @Test
    void tokensAndLabelsOfTheModelAreFine() throws IOException {
        assertEquals(
                List.of(),
                check(Networks.transformer(1), Data.tokens(5, 8, 1), Map.of()).findings());
        assertEquals(
                List.of(),
                check(Networks.mlp(1), Data.labelled(Networks.mlp(1), Data.rows(64, 3)), Map.of())
                        .findings());
    }

    @Test
    void whatIsMissingIsNamed() throws IOException {
        var tokens = new LinkedHashMap<>(Data.tokens(5, 8, 1));
        tokens.put("atention_mask", tokens.remove("attention_mask"));

        wrong(
                check(Networks.transformer(1), tokens, Map.of()),
                "the model's input 'attention_mask' gets no array: did you mean 'atention_mask'?");
    }

    @Test
    void typesAreCompared() throws IOException {
        var bytes = Map.of("image", bytes(4, 3, 8, 8));

        wrong(
                check(Networks.conv(1), bytes, Map.of()),
                "array 'image' is UINT8, but the model's input 'image' takes FLOAT: say how to normalize");
        assertEquals(List.of(), check(Networks.conv(1), bytes, HALF).findings());
        assertEquals(
                List.of(),
                check(Networks.conv(1), Map.of("pixels", bytes(4, 3, 8, 8)), Map.of("pixels", HALF.get("image")))
                        .findings());
    }

    @Test
    void shapesAreCompared() throws IOException {
        wrong(
                check(Networks.conv(1), Map.of("image", bytes(4, 8, 8, 3)), HALF),
                "its channels are last, but belong after the samples");
        wrong(check(Networks.conv(1), Map.of("image", Tensor.of(new float[192], 3, 8, 8)), Map.of()), "has 3 axes");
        wrong(
                check(
                        Networks.conv(1),
                        Map.of("image", bytes(4, 3, 8, 8)),
                        Map.of("image", new Normalization(new float[] {0}, new float[] {1}))),
                "normalised with 1 values");
    }

    @Test
    void theAxisOfSamplesIsTold() throws IOException {
        var builder = new GraphBuilder(13, 1);
        builder.graph().inputs().add(draftInput("x", "steps", "batch"));
        builder.op("y", "Relu", "x");
        var model = builder.output("y", DataType.FLOAT, -1, -1, 8).graph();

        var result = check(model, Map.of("x", Data.sequences(5, 1).get("x")), Map.of());

        assertTrue(result.usable());
        assertTrue(result.table().getFirst().endsWith("samples along axis 1"), result.table()::getFirst);
        assertTrue(result.findings().getFirst().text().contains("--batch-axis x=1"), result.findings()::toString);
    }

    private static ValueInfoProto draftInput(String name, String... axes) {
        var info = ValueInfos.of(name, DataType.FLOAT, -1, -1, 8).toBuilder();
        var dims = info.getTypeBuilder().getTensorTypeBuilder().getShapeBuilder();
        for (int i = 0; i < 2; i++) {
            dims.getDimBuilder(i).setDimParam(axes[i]);
        }
        return info.build();
    }

    @Test
    void wholeInputsScalarsAndConstantsAreTakenAsTheyAre() throws IOException {
        var builder = new GraphBuilder(13, 1);
        builder.graph().inputs().add(draftInput("x", "steps", "batch"));
        builder.input("temperature", DataType.FLOAT);
        builder.input("table", DataType.FLOAT, 4, 2);
        var arrays = new LinkedHashMap<String, Tensor>();
        arrays.put("x", Tensor.of(new float[5 * 6 * 8], 5, 6, 1, 8));
        arrays.get("x").floats().put(3, 1);
        arrays.put("temperature", Tensor.of(new float[] {1, 1, 1, 1, 1}, 5));
        arrays.put("table", Tensor.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 4, 2));

        assertEquals(List.of(), check(builder.graph(), arrays, Map.of()).findings());

        arrays.put("x", Tensor.of(new float[5 * 6 * 2 * 8], 5, 6, 2, 8));
        assertFalse(check(builder.graph(), arrays, Map.of()).usable());
    }

    @Test
    void valuesThatAreNotNormalisedAreFound() throws IOException {
        var raw = new float[4 * 192];
        for (int i = 0; i < raw.length; i++) {
            raw[i] = i % 256;
        }
        var image = Map.of("image", Tensor.of(raw, 4, 3, 8, 8));

        wrong(check(Networks.conv(1), image, Map.of()), "range from 0 to 255 and do not look normalised");
        assertEquals(List.of(), check(selfNormalizing(), image, Map.of()).findings());
    }

    private static Graph selfNormalizing() {
        var builder = new GraphBuilder(13, 1);
        builder.op(
                "y",
                "Relu",
                builder.op(
                        "scaled",
                        "Div",
                        builder.input("image", DataType.FLOAT, -1, 3, 8, 8),
                        builder.constant("byte", Tensor.scalar(255))));
        return builder.output("y", DataType.FLOAT, -1, 3, 8, 8).graph();
    }

    @Test
    void valuesThatAreNoneAreFound() throws IOException {
        var values = new float[24];
        values[17] = Float.NaN;
        values[3] = 1;

        wrong(
                check(Networks.mlp(1), Map.of("x", Tensor.of(values, 3, 8)), Map.of()),
                "1 values that are NaN or infinite, the first in sample 2");
    }

    @Test
    void tokensOfAnotherVocabularyAreFound() throws IOException {
        var tokens = new LinkedHashMap<>(Data.tokens(5, 8, 1));
        tokens.put("input_ids", Tensor.of(new long[] {Networks.VOCABULARY, 1, 1, 1, 1}, 5, 1));
        tokens.put("attention_mask", Tensor.of(new long[] {1, 1, 1, 1, 2}, 5, 1));

        var result = check(Networks.transformer(1), tokens, Map.of());

        wrong(result, "holds tokens from 1 to 512, but the model knows 512");
        wrong(result, "array 'attention_mask' must hide tokens with 0");
    }

    @Test
    void countsAndTargetsAreCompared() throws IOException {
        var rows = new LinkedHashMap<>(Data.rows(6, 1));
        rows.put("labels", Tensor.vector(0L, 1L, 2L, 3L, 4L, 10L));
        rows.put("scores", Tensor.vector(1f, 1f, 2f, 3f));
        rows.put("unused", Tensor.vector(1f, 2f, 3f, 4f, 5f, 6f));

        var result = check(Networks.mlp(1), rows, Map.of());

        wrong(result, "labels reach to 10, but the model has 10 classes");
        wrong(result, "array 'scores' has the shape [4], but 3 numbers are needed, one for each pair");
        assertTrue(
                result.findings().stream()
                        .anyMatch(finding -> finding instanceof Finding.Doubtful(var text)
                                && text.contains("'unused' feeds no input")),
                result.findings()::toString);
    }

    @Test
    void arraysOfDifferentLengthsAreFound() throws IOException {
        var tokens = new LinkedHashMap<>(Data.tokens(5, 8, 1));
        tokens.put("attention_mask", Data.tokens(4, 8, 1).get("attention_mask"));

        wrong(
                check(Networks.transformer(1), tokens, Map.of()),
                "array 'attention_mask' has 4 samples, but 'input_ids' has 5");
    }

    private static Tensor bytes(long... shape) {
        var values = new byte[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (byte) (i * 7);
        }
        return Tensor.of(DataType.UINT8, values, shape);
    }

    @Test
    void boxesAreTold() throws IOException {
        var arrays = new LinkedHashMap<>(Data.images(3, 1));
        // Given: two boxes a sample, the last of them padding whose corners say nothing
        var boxes =
                new float[] {0, 1, 1, 2, 2, 7, 0, 0, 9, 9, 1, 5, 5, 5, 6, 2, 3, 3, 4, 4, 0, 1, 1, 2, 2, -1, 8, 8, 0, 0};
        arrays.put("targets", Tensor.of(boxes, 3, 2, 5));
        assertEquals(List.of(), check(Networks.conv(1), arrays, Map.of()).findings());

        boxes[18] = 2;
        arrays.put("targets", Tensor.of(boxes, 3, 2, 5));
        var turned = check(Networks.conv(1), arrays, Map.of());
        assertTrue(turned.usable());
        assertTrue(
                turned.findings().getFirst().text().endsWith("box 1 of sample 1 is [2, 3, 3, 2, 4]"),
                turned.findings()::toString);

        arrays.put("targets", Tensor.of(boxes, 2, 3, 5));
        wrong(check(Networks.conv(1), arrays, Map.of()), "array 'targets' has 2 rows, but there are 3 samples");
    }

    private static void wrong(DataCheck.Result result, String text) {
        assertFalse(result.usable());
        assertTrue(
                result.findings().stream()
                        .anyMatch(finding -> finding instanceof Finding.Wrong(var found) && found.contains(text)),
                result.findings()::toString);
    }

    private DataCheck.Result check(Graph model, Map<String, Tensor> arrays, Map<String, Normalization> normalize)
            throws IOException {
        return DataCheck.of(Data.write(folder.resolve("data.npz"), arrays), model, normalize);
    }
}
