package dev.quantline.onnx.runtime;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class SamplesTest {
    @TempDir
    private Path folder;

    private Dataset.Batch fedLast;

    private static Graph taking(DataType type, long... shape) {
        var builder = new GraphBuilder(17, 1);
        builder.op("y", "Identity", builder.input("x", type, shape));
        return builder.output("y", type, shape).graph();
    }

    private List<Dataset.Batch> batches(
            Graph model, Map<String, Tensor> arrays, Map<String, Normalization> normalize, int size)
            throws IOException {
        var batches = new ArrayList<Dataset.Batch>();
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, normalize);
            samples.forEachBatch(0, samples.size(), size, batches::add);
        }
        return batches;
    }

    private String refusal(Graph model, Map<String, Tensor> arrays, Map<String, Normalization> normalize) {
        return assertThrows(BadInput.class, () -> batches(model, arrays, normalize, 2))
                .getMessage();
    }

    @Test
    void inputsWithoutArraysAndArraysOfTheWrongKindAreNamed() {
        var model = taking(DataType.FLOAT, -1, 3);

        assertTrue(refusal(model, Map.of("z", Tensor.zeros(DataType.FLOAT, 2, 3)), Map.of())
                .contains("'x'"));
        assertTrue(refusal(model, Map.of("x", Tensor.zeros(DataType.INT64, 2, 3)), Map.of())
                .contains("INT64"));
        assertTrue(refusal(model, Map.of("x", Tensor.zeros(DataType.FLOAT, 2, 4)), Map.of())
                .contains("[2, 4]"));
        assertTrue(refusal(model, Map.of("x", Tensor.zeros(DataType.FLOAT, 2, 3, 1)), Map.of())
                .contains("[2, 3, 1]"));
    }

    @Test
    void notANumberIsRefusedInEveryFloatType() {
        assertTrue(refusal(taking(DataType.FLOAT, -1), Map.of("x", Tensor.vector(1f, Float.NaN)), Map.of())
                .contains("NaN"));
        var large = Tensor.zeros(DataType.DOUBLE, 1);
        large.data().asDoubleBuffer().put(Double.NEGATIVE_INFINITY);
        assertTrue(refusal(taking(DataType.DOUBLE, -1), Map.of("x", large), Map.of())
                .contains("-Infinity"));
    }

    @Test
    void imagesAreNormalizedPerChannel() throws IOException {
        // Given
        var model = taking(DataType.FLOAT, -1, 2, 1, 2);
        var images = Tensor.of(DataType.UINT8, new byte[] {0, (byte) 255, 51, (byte) 204}, 1, 2, 1, 2);
        var normalize = Map.of("x", new Normalization(new float[] {.5f, .2f}, new float[] {.5f, .1f}));

        // When
        var fed = batches(model, Map.of("x", images), normalize, 1)
                .getFirst()
                .arrays()
                .get("x");

        // Then: (value / 255 - mean) / std
        assertArrayEquals(new float[] {-1, 1, 0, 6}, fed.toFloats(), 1e-5f);
    }

    @Test
    void theNormalizedArrayMayFeedTheOnlyInputUnderAnotherName() throws IOException {
        var model = taking(DataType.FLOAT, -1, 1);
        var images = Map.of("image", Tensor.of(DataType.UINT8, new byte[] {10, 20}, 2, 1));
        var identity = new Normalization(new float[] {0}, new float[] {1 / 255f});

        var fed =
                batches(model, images, Map.of("image", identity), 2).getFirst().arrays();

        assertArrayEquals(new float[] {10, 20}, fed.get("x").toFloats(), 1e-4f);
    }

    @Test
    void normalizationThatCannotBeIsRefused() {
        var model = taking(DataType.FLOAT, -1, 2);
        var images = Map.of("x", Tensor.zeros(DataType.UINT8, 1, 2));

        assertThrows(BadInput.class, () -> new Normalization(new float[] {0}, new float[] {0}));
        assertThrows(BadInput.class, () -> new Normalization(new float[] {0, 1}, new float[] {1}));
        assertThrows(BadInput.class, () -> new Normalization(new float[] {0}, new float[] {Float.NaN}));
        assertTrue(refusal(model, images, Map.of()).contains("normalize"));
        assertTrue(refusal(model, images, Map.of("x", new Normalization(new float[3], new float[] {1, 1, 1})))
                .contains("3 channels"));
        assertTrue(refusal(model, images, Map.of("w", new Normalization(new float[2], new float[] {1, 1})))
                .contains("'w'"));
    }

    @Test
    void theNearestRightNameIsTold() {
        var model = taking(DataType.FLOAT, -1, 1);
        var normalization = new Normalization(new float[1], new float[] {1});

        assertTrue(refusal(model, Map.of("xs", Tensor.zeros(DataType.FLOAT, 1, 1)), Map.of())
                .endsWith("'x': did you mean 'xs'?"));
        assertTrue(
                refusal(model, Map.of("image", Tensor.zeros(DataType.UINT8, 1, 1)), Map.of("imgae", normalization))
                        .startsWith(
                                "normalize names 'imgae', which is neither an array nor an input of the model: did you mean 'image'?"));
    }

    @Test
    void whatIsNotUsedIsTold() throws IOException {
        // Given an array under a misspelt name, labels, and a normalisation of floats
        var arrays = Map.of(
                "x",
                Tensor.zeros(DataType.FLOAT, 2, 1),
                "x1",
                Tensor.zeros(DataType.FLOAT, 2, 1),
                "labels",
                Tensor.zeros(DataType.INT64, 2));
        var normalize = Map.of("x", new Normalization(new float[1], new float[] {1}));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            // Then each is named, except labels: a metric reads them
            assertEquals(
                    List.of(
                            "array 'x1' of the data feeds no input of the model: did you mean 'x'?",
                            "normalize.x has no effect: array 'x' is FLOAT, but only UINT8 is normalized"),
                    new Samples(data, taking(DataType.FLOAT, -1, 1), normalize).unused());
            assertEquals(
                    1,
                    new Samples(data, taking(DataType.FLOAT, -1, 1), Map.of())
                            .unused()
                            .size());
        }
    }

    @Test
    void aFixedBatchAxisDecidesTheBatch() throws IOException {
        var fed = batches(
                taking(DataType.FLOAT, 3, 1),
                Map.of("x", Tensor.of(new float[] {0, 1, 2, 3, 4, 5, 6}, 7, 1)),
                Map.of(),
                64);

        // the last sample does not fill a batch
        assertEquals(List.of(0, 3), fed.stream().map(Dataset.Batch::first).toList());
        assertEquals(List.of(3, 3), fed.stream().map(Dataset.Batch::size).toList());
    }

    @Test
    void cuttingPaddingLeavesTheOtherTokensAlone() throws IOException {
        // Given: the first row padded after 5 tokens, so that every batch of 2 has columns to cut
        var network = Networks.transformer(2);
        var tokens = Data.tokens(6, 12, 3);
        tokens.put("attention_mask", masked(tokens.get("attention_mask"), 5));
        var seen = new ArrayList<Integer>();

        try (var session = Session.open(network, Provider.cpu(), Session.Optimization.ALL)) {
            for (var batch : batches(network, tokens, Map.of(), 2)) {
                // When
                var cut = session.run(batch.arrays()).get("hidden");
                var whole = session.run(Map.of(
                                "input_ids",
                                tokens.get("input_ids").rows(batch.first(), batch.first() + 2),
                                "attention_mask",
                                tokens.get("attention_mask").rows(batch.first(), batch.first() + 2)))
                        .get("hidden");

                // Then
                seen.add(cut.dim(1));
                var mask = batch.arrays().get("attention_mask");
                for (int i = 0; i < 2; i++) {
                    for (int t = 0; t < cut.dim(1); t++) {
                        if (mask.get(i * cut.dim(1) + t) != 0) {
                            assertArrayEquals(token(whole, i, t), token(cut, i, t), 1e-4f);
                        }
                    }
                }
            }
        }
        assertTrue(seen.stream().allMatch(length -> length <= 5), seen.toString());
    }

    private static Tensor masked(Tensor mask, int longest) {
        var values = mask.toLongs();
        for (int i = 0; i < values.length; i++) {
            values[i] = i % mask.dim(1) < longest ? values[i] : 0;
        }
        return Tensor.of(values, mask.shape());
    }

    private static float[] token(Tensor hidden, int row, int token) {
        return hidden.rows(row, row + 1)
                .reshape(hidden.dim(1), hidden.dim(2))
                .rows(token, token + 1)
                .toFloats();
    }

    @Test
    void aSecondSequenceOfAnotherLengthIsNotCut() {
        var feed = Map.of(
                "attention_mask",
                Tensor.of(new long[] {1, 0, 0}, 1, 3),
                "input_ids",
                Tensor.of(new long[] {5, 0, 0}, 1, 3),
                "encoder_ids",
                Tensor.of(new long[] {1, 2, 3, 4}, 1, 4));

        assertArrayEquals(
                new long[] {1, 2, 3, 4}, Padding.trim(feed).get("encoder_ids").toLongs());
    }

    @Test
    void aMaskOfZerosKeepsOneColumn() {
        var feed = Map.of(
                "attention_mask", Tensor.of(new long[4], 2, 2), "input_ids", Tensor.of(new long[] {1, 2, 3, 4}, 2, 2));

        assertArrayEquals(new long[] {1, 3}, Padding.trim(feed).get("input_ids").toLongs());
    }

    private Samples bound(Graph model, Map<String, Tensor> arrays, Map<String, BatchAxis> stated) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)), model, stated)) {
            var samples = new Samples(data, model, Map.of(), stated);
            samples.forEachBatch(0, samples.size(), 2, fed -> fedLast = fed);
            return samples;
        }
    }

    private static Graph withSecond(Graph model, DataType type, long... shape) {
        model.inputs().add(ValueInfos.of("second", type, shape));
        return model;
    }

    private String unclear(Graph model, Map<String, Tensor> arrays, Map<String, BatchAxis> stated) {
        return assertThrows(BadInput.class, () -> bound(model, arrays, stated)).getMessage();
    }

    @Test
    void aScalarAndAnArrayOfTheWholeFixedShapeAreTheSameForAllSamples() throws IOException {
        var x = Tensor.of(new float[] {1, 2, 3}, 3, 1);
        var anchors = Tensor.of(new float[] {4, 5, 6, 7}, 2, 2);

        var samples = bound(
                withSecond(taking(DataType.FLOAT, -1, 1), DataType.FLOAT, 2, 2),
                Map.of("x", x, "second", anchors),
                Map.of());
        assertEquals(3, samples.size());
        assertEquals(2, samples.batchSize(2));
        assertEquals(anchors, fedLast.arrays().get("second"));
        assertEquals(Tensor.of(new float[] {3}, 1, 1), fedLast.arrays().get("x"));

        var scalar = withSecond(taking(DataType.FLOAT, -1, 1), DataType.FLOAT);
        bound(scalar, Map.of("x", x, "second", Tensor.scalar(9)), Map.of());
        assertEquals(Tensor.scalar(9), fedLast.arrays().get("second"));
        bound(scalar, Map.of("x", x, "second", Tensor.vector(9f, 9f, 9f)), Map.of());
        assertEquals(Tensor.scalar(9), fedLast.arrays().get("second"));
        assertTrue(unclear(scalar, Map.of("x", x, "second", Tensor.vector(9f, 8f, 9f)), Map.of())
                .contains("'second' has several values"));
    }

    @Test
    void aBatchThatNoArrayCanHoldIsRefused() {
        assertEquals(
                "input 'x' takes 9223372036854775807 samples at once: export the model with an open batch axis",
                unclear(
                        taking(DataType.FLOAT, Long.MAX_VALUE, 1),
                        Map.of("x", Tensor.of(new float[] {1, 2, 3}, 3, 1)),
                        Map.of()));
    }

    @Test
    void whatIsTheSameForAllMayBeStated() throws IOException {
        var model = withSecond(taking(DataType.FLOAT, -1, 1), DataType.FLOAT, -1);
        var arrays = Map.of("x", Tensor.of(new float[] {1, 2, 3}, 3, 1), "second", Tensor.vector(4f, 5f));

        String unstated = unclear(model, arrays, Map.of());
        assertTrue(unstated.contains("inputs.") && unstated.contains(".constant (--constant "), unstated);
        bound(model, arrays, Map.of("second", BatchAxis.NONE));
        assertEquals(Tensor.vector(4f, 5f), fedLast.arrays().get("second"));
        assertTrue(unclear(model, arrays, Map.of("third", BatchAxis.NONE)).contains("'third'"));
    }

    @Test
    void samplesGoAlongTheAxisThatIsStatedOrThatWholeInputsHaveOneOf() throws IOException {
        // Given: [time, batch, 2]
        var model = taking(DataType.FLOAT, -1, -1, 2);
        var samples = Tensor.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 3, 2);
        var placed = Tensor.of(new float[] {1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12}, 3, 2, 2);

        // When, then
        assertEquals(
                new BatchAxis(1),
                bound(model, Map.of("x", samples), Map.of("x", new BatchAxis(1)))
                        .axis("x"));
        assertEquals(placed, fedLast.arrays().get("x"));
        assertEquals(2, fedLast.size());
        assertEquals(
                new BatchAxis(1),
                bound(model, Map.of("x", samples.reshape(2, 3, 1, 2)), Map.of()).axis("x"));
        assertEquals(placed, fedLast.arrays().get("x"));
        assertTrue(unclear(model, Map.of("x", samples.reshape(6, 1, 1, 2)), Map.of())
                .contains("it is not clear which of its axes [0, 1] counts the samples"));
        assertTrue(unclear(model, Map.of("x", samples.reshape(1, 2, 3, 2)), Map.of())
                .contains("none of its axes"));
        assertTrue(unclear(model, Map.of("x", samples), Map.of("x", new BatchAxis(3)))
                .contains("inputs.x.batch is 3"));
    }

    @Test
    void outputsTellWhereTheyHaveTheirSamples() throws IOException {
        // Given: samples on the second axis, moved to the front in one output, summed up in another
        var builder = new GraphBuilder(17, 1);
        String x = builder.input("x", DataType.FLOAT, -1, -1, 2);
        builder.op("front", "Transpose", Map.of("perm", new long[] {1, 0, 2}), x);
        builder.op("same", "Relu", x);
        builder.op("sum", "ReduceSum", Map.of("keepdims", 0L), x);
        List.of("front", "same", "sum")
                .forEach(output -> builder.graph().outputs().add(ValueInfos.of(output, DataType.FLOAT)));
        var file = Data.write(folder.resolve("data.npz"), Map.of("x", Tensor.zeros(DataType.FLOAT, 3, 4, 1, 2)));

        // When, then
        try (var data = Dataset.open(List.of(file));
                var session = Session.open(builder.graph(), Provider.cpu(), Session.Optimization.ALL)) {
            var axes = new Samples(data, builder.graph(), Map.of()).axes(session);
            assertEquals(Map.of("front", BatchAxis.FIRST, "same", new BatchAxis(1)), axes);
        }
    }
}
