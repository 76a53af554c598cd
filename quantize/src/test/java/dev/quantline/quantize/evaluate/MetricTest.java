package dev.quantline.quantize.evaluate;

import dev.quantline.fixture.Data;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MetricTest {
    private static Dataset.Batch fed(int first, int size) {
        return new Dataset.Batch(first, size, Map.of());
    }

    private static Map<String, Tensor> logits(float[] values, long... shape) {
        var outputs = new LinkedHashMap<String, Tensor>();
        outputs.put("logits", Tensor.of(values, shape));
        outputs.put("more", Tensor.scalar(9));
        return outputs;
    }

    @Test
    void top1CountsLabelsWithTheLargestLogit() {
        var metric = new TopK(1, Optional.empty(), new float[] {0, 2, 1});

        metric.add(fed(0, 2), logits(new float[] {3, 1, 2, 3, 1, 2}, 2, 3));
        metric.add(fed(2, 1), logits(new float[] {0, 5, 1}, 1, 3));

        assertEquals(2 / 3.0, metric.value(), 1e-12);
        assertTrue(metric.largerIsBetter());
    }

    @Test
    void aMetricLooksAtTheFirstFloatsOrAtTheOutputThatIsNamed() {
        var outputs = new LinkedHashMap<String, Tensor>();
        outputs.put("label", Tensor.vector(0L, 0L));
        outputs.put("coarse", Tensor.of(new float[] {1, 0, 1, 0}, 2, 2));
        outputs.put("fine", Tensor.of(new float[] {0, 1, 0, 1}, 2, 2));
        var first = new TopK(1, Optional.empty(), new float[] {0, 1});
        var named = new TopK(1, Optional.of("fine"), new float[] {1, 1});

        first.add(fed(0, 2), outputs);
        named.add(fed(0, 2), outputs);

        assertEquals(.5, first.value());
        assertEquals(1, named.value());
        var unknown = assertThrows(BadInput.class, () -> new Perplexity(Optional.of("logits")).add(fed(0, 2), outputs));
        assertTrue(unknown.getMessage().contains("evaluation.output"), unknown.getMessage());
    }

    @Test
    void top5CountsLabelsAmongTheFiveLargest() {
        var metric = new TopK(5, Optional.empty(), new float[] {5, 6});

        metric.add(fed(0, 2), logits(new float[] {6, 5, 4, 3, 1, 2, 0, 6, 5, 4, 3, 2, 1, 0}, 2, 7));

        assertEquals(.5, metric.value());
    }

    @Test
    void amongEqualLogitsTheFirstCountsAndNotANumberNever() {
        var ties = new TopK(1, Optional.empty(), new float[] {0, 1});
        ties.add(fed(0, 2), logits(new float[] {1, 1, 1, 1}, 2, 2));
        var broken = new TopK(1, Optional.empty(), new float[] {0, 1});
        broken.add(fed(0, 2), logits(new float[] {Float.NaN, Float.NaN, 0, Float.NaN}, 2, 2));

        assertEquals(.5, ties.value());
        assertEquals(0, broken.value());
    }

    @Test
    void labelsTheModelCannotGiveAreNamed() {
        for (float label : new float[] {-1, 3}) {
            var message = assertThrows(
                            BadInput.class,
                            () -> new TopK(1, Optional.empty(), new float[] {label})
                                    .add(fed(0, 1), logits(new float[] {1, 2, 3}, 1, 3)))
                    .getMessage();

            assertTrue(message.contains("sample 0") && message.contains("3 classes"), message);
        }
    }

    /** A vocabulary of two, ids 1 1 0: the second token is predicted with p = 1/2, the third with p = 1/4. */
    private static final float[] LOGITS = {7, 7, 0, (float) -Math.log(3), 0, 0};

    private static Dataset.Batch tokens(long[] ids, Tensor mask) {
        var arrays = new LinkedHashMap<String, Tensor>();
        arrays.put("input_ids", Tensor.of(ids, 1, ids.length));
        if (mask != null) {
            arrays.put("attention_mask", mask);
        }
        return new Dataset.Batch(0, 1, arrays);
    }

    @Test
    void perplexityIsTheInverseOfTheMeanProbability() {
        var metric = new Perplexity(Optional.empty());

        metric.add(tokens(new long[] {1, 1, 1}, null), logits(LOGITS, 1, 3, 2));

        // p(1) = 1/2 and then (1/3) / (1 + 1/3) = 1/4: the geometric mean is 1 / sqrt(8)
        assertEquals(Math.sqrt(8), metric.value(), 1e-6);
        assertFalse(metric.largerIsBetter());
    }

    @Test
    void hiddenTokensAreNotAskedFor() {
        var metric = new Perplexity(Optional.empty());

        metric.add(tokens(new long[] {1, 1, 1}, Tensor.of(new long[] {1, 1, 0}, 1, 3)), logits(LOGITS, 1, 3, 2));

        assertEquals(2, metric.value(), 1e-6);
    }

    @Test
    void perplexityNeedsTokensAndLogitsThatFit() {
        var metric = new Perplexity(Optional.empty());
        assertThrows(BadInput.class, () -> metric.add(fed(0, 1), logits(LOGITS, 1, 3, 2)));
        assertThrows(BadInput.class, () -> metric.add(tokens(new long[] {1, 1, 1}, null), logits(LOGITS, 1, 2, 3)));
        assertThrows(BadInput.class, () -> metric.add(tokens(new long[] {1, 1, 1}, null), logits(LOGITS, 3, 2)));
        assertTrue(assertThrows(
                        BadInput.class, () -> metric.add(tokens(new long[] {1, 1, 2}, null), logits(LOGITS, 1, 3, 2)))
                .getMessage()
                .contains("token 2"));
        var empty = new Perplexity(Optional.empty());
        empty.add(tokens(new long[] {1}, null), logits(new float[] {1, 2}, 1, 1, 2));
        assertThrows(BadInput.class, empty::value);
    }

    @Test
    void pairsRankCosinesOfMeansOverUnmaskedTokens() {
        // Given: three pairs of sentences of two tokens, some with the second token hidden; cosines 0, 1 and -1
        var hidden = new float[] {
            1, 0, 1, 0, /**/ 0, 2, 0, 2,
            1, 1, 9, -9, /**/ 3, 3, 3, 3,
            1, 0, 1, 0, /**/ -1, 0, -5, 0
        };
        var mask = Tensor.of(new long[] {1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1}, 6, 2);
        var batch = new Dataset.Batch(0, 6, Map.of("attention_mask", mask));

        // When
        var agreeing = new Pairs(Pairs.Pooling.MEAN, Optional.empty(), new float[] {3, 5, 1});
        agreeing.add(batch, Map.of("hidden", Tensor.of(hidden, 6, 2, 2)));
        var opposing = new Pairs(Pairs.Pooling.MEAN, Optional.empty(), new float[] {3, 1, 5});
        opposing.add(batch, Map.of("hidden", Tensor.of(hidden, 6, 2, 2)));
        var half = new Pairs(Pairs.Pooling.MEAN, Optional.empty(), new float[] {5, 3, 1});
        half.add(batch, Map.of("hidden", Tensor.of(hidden, 6, 2, 2)));

        // Then: Spearman of the ranks 2 3 1 with 2 3 1, 2 1 3 and 3 2 1
        assertEquals(1, agreeing.value(), 1e-9);
        assertEquals(-1, opposing.value(), 1e-9);
        assertEquals(.5, half.value(), 1e-9);
        assertArrayEquals(
                new float[] {1, 1},
                agreeing.looksAt(batch, Tensor.of(hidden, 6, 2, 2)).rows(2, 3).toFloats());
    }

    @Test
    void pairsTakePooledEmbeddingsAsTheyAreAndNeedAMaskOtherwise() {
        var pooled = new Pairs(Pairs.Pooling.MEAN, Optional.empty(), new float[] {1, 2});
        pooled.add(fed(0, 4), Map.of("embedding", Tensor.of(new float[] {1, 0, 0, 1, 1, 1, 1, 1}, 4, 2)));

        assertEquals(1, pooled.value(), 1e-9);
        assertThrows(BadInput.class, () -> pooled.add(fed(0, 1), Map.of("hidden", Tensor.of(new float[4], 1, 2, 2))));
        assertThrows(BadInput.class, () -> new Pairs(Pairs.Pooling.MEAN, Optional.empty(), new float[] {1, 2}).value());
    }

    @Test
    void metricsAreFoundByNameAndSayWhatTheyNeed(@TempDir Path folder) throws IOException {
        var file = Data.write(
                folder.resolve("data.npz"),
                Map.of("x", Tensor.of(new float[4], 4, 1), "labels", Tensor.vector(0L, 1L, 2L, 3L)));
        try (var data = Dataset.open(List.of(file))) {
            assertTrue(Metric.of(Measure.of("top1"), data).isPresent());
            assertTrue(Metric.of(Measure.of("perplexity"), data).isPresent());
            assertTrue(Metric.of(Measure.of("fidelity"), data).isEmpty());
            assertTrue(assertThrows(BadInput.class, () -> Metric.of(Measure.of("pairs"), data))
                    .getMessage()
                    .contains("'scores'"));
            assertTrue(assertThrows(BadInput.class, () -> Metric.of(Measure.of("accuracy"), data))
                    .getMessage()
                    .contains("top1, top5"));
        }
    }

    @Test
    void fidelityIsMeanCosineAndPowerRatio() {
        var fidelity = new Fidelity();

        fidelity.add(Tensor.of(new float[] {3, 4, 1, 0}, 2, 2), Tensor.of(new float[] {3, 4, 0, 1}, 2, 2));

        // cosines 1 and 0; signal 26, noise 2
        assertEquals(.5, fidelity.cosine(), 1e-12);
        assertEquals(10 * Math.log10(13), fidelity.sqnrDb(), 1e-9);
        assertEquals(2 / 26.0, fidelity.relativeError(), 1e-12);
    }

    @Test
    void equalAndSilentOutputsAreFaithful() {
        var same = new Fidelity();
        same.add(Tensor.of(new float[] {1, 2}, 1, 2), Tensor.of(new float[] {1, 2}, 1, 2));
        var silent = new Fidelity();
        silent.add(Tensor.of(new float[2], 1, 2), Tensor.of(new float[2], 1, 2));

        assertEquals(200, same.sqnrDb());
        assertEquals(1, silent.cosine());
        assertEquals(0, silent.relativeError());
    }
}
