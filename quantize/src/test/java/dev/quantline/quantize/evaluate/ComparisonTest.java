package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ComparisonTest {
    private static final Dataset.Batch TWO = new Dataset.Batch(0, 2, Map.of());

    private static Comparison compared(Map<String, Tensor> reference, Map<String, Tensor> other) {
        var comparison = new Comparison();
        comparison.add(TWO, new TreeMap<>(reference), other);
        return comparison;
    }

    private static Tensor floats(float... values) {
        return Tensor.of(values, 2, values.length / 2);
    }

    @Test
    void everyOutputIsJudgedByItsKindAndTheFarthestDecides() {
        var compared = compared(
                Map.of("boxes", floats(1, 0, 0, 1), "label", Tensor.vector(3L, 5L), "scores", floats(1, 2, 3, 4)),
                Map.of("boxes", floats(1, 1, 1, 1), "label", Tensor.vector(3L, 4L), "scores", floats(1, 2, 3, 4)));

        assertEquals(200, ((Fidelity) compared.outputs().get("scores")).sqnrDb());
        assertEquals(.5, ((Agreement) compared.outputs().get("label")).share());
        assertSame(compared.outputs().get("boxes"), compared.worst());
        assertEquals(Math.sqrt(.5), compared.worst().cosine(), 1e-6);
        assertEquals(.5, compared.relativeError(), 1e-9);
    }

    @Test
    void whatAMaskHidesInBothDoesNotCountButInOneAlone() {
        float hidden = Float.NEGATIVE_INFINITY;

        var scores = Map.of("s", floats(1, hidden, 2, hidden));

        assertEquals(200, compared(scores, scores).worst().sqnrDb());
        assertTrue(Double.isNaN(
                compared(scores, Map.of("s", floats(1, 5, 2, hidden))).worst().cosine()));
    }

    @Test
    void anOutputThatIsNotFiniteIsTheWorst() {
        var compared = compared(
                Map.of("a", floats(1, 2), "b", floats(1, 2)), Map.of("a", floats(9, 9), "b", floats(Float.NaN, 2)));

        assertSame(compared.outputs().get("b"), compared.worst());
    }

    @Test
    void outputsOfOtherSizesAreComparedWithNothing() {
        // Given: detections in one model, and fewer or more in the other
        var fewer = compared(
                Map.of("found", Tensor.of(new float[] {3, 4}, 2, 1), "index", Tensor.vector(7L, 8L)),
                Map.of("found", Tensor.of(new float[] {3}, 1, 1), "index", Tensor.vector(7L)));

        assertEquals(10 * Math.log10(25. / 16), ((Fidelity) fewer.outputs().get("found")).sqnrDb(), 1e-6);
        assertEquals(.5, ((Agreement) fewer.outputs().get("index")).share());
    }

    @Test
    void anOutputWithoutSamplesIsOneRow() {
        var constant = Tensor.vector(1f, 2f, 3f);

        assertEquals(
                200,
                compared(Map.of("anchors", constant), Map.of("anchors", constant))
                        .worst()
                        .sqnrDb());
        assertEquals(1, Metric.rows(TWO, constant).dim(0));
        assertEquals(2, Metric.rows(TWO, Tensor.of(new float[12], 4, 3)).dim(0));
    }

    @Test
    void withoutFloatsNothingCanBeSaid() {
        var labels = Map.of("label", Tensor.vector(1L, 2L));
        var compared = compared(labels, labels);

        assertTrue(assertThrows(BadInput.class, compared::worst).getMessage().contains("label"));
        assertTrue(assertThrows(BadInput.class, () -> Metric.output(labels, Optional.empty()))
                .getMessage()
                .contains("label"));
    }
}
