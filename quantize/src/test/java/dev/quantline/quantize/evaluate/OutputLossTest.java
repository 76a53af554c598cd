package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class OutputLossTest {
    private static Dataset.Batch batch(Map<String, Tensor> arrays) {
        return new Dataset.Batch(0, 2, arrays);
    }

    private static Map<String, Tensor> logits(float... values) {
        return Map.of("logits", Tensor.of(values, 2, values.length / 2));
    }

    static Stream<OutputLoss> losses() {
        return Stream.of(
                new OutputLoss.CrossEntropy(Optional.empty(), new float[] {1, 0}),
                new OutputLoss.Divergence(Optional.empty()),
                new OutputLoss.Distance());
    }

    @ParameterizedTest
    @MethodSource("losses")
    void equalOutputsLoseNothing(OutputLoss loss) {
        var outputs = logits(1, 2, -1, 4, 0, 3);

        assertEquals(0, loss.of(batch(Map.of()), outputs, outputs), 1e-12);
    }

    @ParameterizedTest
    @MethodSource("losses")
    void worseOutputsLoseMore(OutputLoss loss) {
        var reference = logits(1, 2, -1, 4, 0, 3);
        var close = logits(1, 1.9f, -1, 3.9f, 0, 3);
        var far = logits(2, 1, -1, 0, 0, 3);

        double little = loss.of(batch(Map.of()), reference, close);

        assertTrue(little > 0 && loss.of(batch(Map.of()), reference, far) > 10 * little);
    }

    @Test
    void divergenceAndCrossEntropyAreThoseOfTheTextbook() {
        // Given: p = (1/2, 1/2) and q = (3/4, 1/4) in both rows.
        var reference = logits(0, 0, 0, 0);
        var changed = logits((float) Math.log(3), 0, (float) Math.log(3), 0);

        // When
        double divergence = new OutputLoss.Divergence(Optional.empty()).of(batch(Map.of()), reference, changed);
        double crossEntropy = new OutputLoss.CrossEntropy(Optional.empty(), new float[] {0, 1})
                .of(batch(Map.of()), reference, changed);

        // Then
        assertEquals(2 * (.5 * Math.log(.5 / .75) + .5 * Math.log(.5 / .25)), divergence, 1e-6);
        assertEquals(Math.log(.5 / .75) + Math.log(.5 / .25), crossEntropy, 1e-6);
    }

    @Test
    void hiddenTokensDoNotCount() {
        // Given: [samples, tokens, vocabulary], with the second token of each sample hidden and very different.
        var arrays = new LinkedHashMap<String, Tensor>();
        arrays.put("attention_mask", Tensor.of(new long[] {1, 0, 1, 0}, 2, 2));
        var reference = Map.of("logits", Tensor.of(new float[] {1, 2, 5, 6, 3, 4, 7, 8}, 2, 2, 2));
        var changed = Map.of("logits", Tensor.of(new float[] {1, 2, 9, -6, 3, 4, 0, 99}, 2, 2, 2));

        assertEquals(0, new OutputLoss.Divergence(Optional.empty()).of(batch(arrays), reference, changed), 1e-12);
        assertTrue(new OutputLoss.Divergence(Optional.empty()).of(batch(Map.of()), reference, changed) > 1);
        assertEquals(
                0,
                new OutputLoss.SentenceDistance(Pairs.Pooling.MEAN, Optional.empty())
                        .of(batch(arrays), reference, changed),
                1e-12);
    }
}
