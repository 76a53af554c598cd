package dev.quantline.quantize.evaluate;

import dev.quantline.fixture.Data;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The layouts in which detectors are exported: each with the same boxes in two pictures, and then with something wrong. */
class MeanAveragePrecisionTest {
    /** A box of class 1 and one of class 0 in the first picture, one of class 1 in the second. */
    private static final Tensor TARGETS = Tensor.of(
            new float[] {1, 0, 0, .25f, .25f, 0, .5f, .5f, 1, 1, 1, .25f, 0, .75f, .5f, -1, 0, 0, 0, 0}, 2, 2, 5);

    private static final float[] CORNERS = {0, 0, .25f, .25f, .5f, .5f, 1, 1, .25f, 0, .75f, .5f, 0, 0, 0, 0};
    private static final float[] CENTRED = {
        .125f, .125f, .25f, .25f, .75f, .75f, .5f, .5f, .5f, .25f, .5f, .5f, 0, 0, 0, 0
    };

    @TempDir
    private Path folder;

    private double value(String name, Optional<String> output, Tensor targets, int batch, Map<String, Tensor> outputs)
            throws IOException {
        var file = Data.write(
                folder.resolve("data.npz"), Map.of("x", Tensor.zeros(DataType.FLOAT, 2, 1), "targets", targets));
        try (var data = Dataset.open(List.of(file));
                var metric = Metric.of(new Measure(name, output), data).orElseThrow()) {
            data.forEachBatch(0, data.size(), batch, fed -> {
                var rows = new LinkedHashMap<String, Tensor>();
                outputs.forEach((key, tensor) -> rows.put(key, tensor.rows(fed.first(), fed.first() + fed.size())));
                metric.add(fed, rows);
            });
            return metric.value();
        }
    }

    private double value(Map<String, Tensor> outputs) throws IOException {
        assertEquals(
                value("map", Optional.empty(), TARGETS, 2, outputs),
                value("map50", Optional.empty(), TARGETS, 1, outputs),
                1e-12);
        return value("map50", Optional.empty(), TARGETS, 2, outputs);
    }

    private static Map<String, Tensor> outputs(Object... namesAndTensors) {
        var outputs = new LinkedHashMap<String, Tensor>();
        for (int i = 0; i < namesAndTensors.length; i += 2) {
            outputs.put((String) namesAndTensors[i], (Tensor) namesAndTensors[i + 1]);
        }
        return outputs;
    }

    private static Tensor labels(long... labels) {
        return Tensor.of(labels, 2, 2);
    }

    @Test
    void boxesScoresAndLabelsAreToldByTheirShapes() throws IOException {
        var scores = Tensor.of(new float[] {.9f, .8f, .7f, 0}, 2, 2);
        var boxes = Tensor.of(CORNERS, 2, 2, 4);

        assertEquals(1, value(outputs("2371", boxes, "2372", labels(1, 0, 1, 0), "2373", scores)));
        // With a wrong class, half of class 1 is found and nothing of class 0
        assertEquals(
                51 / 101. / 2, value(outputs("scores", scores, "boxes", boxes, "labels", labels(1, 1, 0, 0))), 1e-12);
    }

    @Test
    void ofSeveralThatFitTheirNamesDecide() throws IOException {
        var wrong = Tensor.zeros(DataType.FLOAT, 2, 2);
        var boxes = Tensor.of(CORNERS, 2, 2, 4);
        var scores = Tensor.of(new float[] {.9f, .8f, .7f, 0}, 2, 2);
        var others = outputs("areas", wrong, "b", boxes, "l", labels(1, 0, 1, 0), "s", scores);

        assertEquals(1, value(outputs("areas", wrong, "boxes", boxes, "labels", labels(1, 0, 1, 0), "scores", scores)));
        assertEquals(1, value("map", Optional.of("s"), TARGETS, 2, others));
        var unclear = assertThrows(BadInput.class, () -> value(others)).getMessage();
        assertTrue(unclear.contains("any of [[b, areas, l], [b, s, l]]"), unclear);
    }

    @Test
    void rowsWithoutAScoreOrWithAClassBelowZeroAreNoBoxes() throws IOException {
        // Given: rows more confident than the right ones
        var scores = Tensor.of(new float[] {.9f, .8f, .1f, .99f}, 2, 2);

        assertEquals(
                1,
                value(outputs("boxes", Tensor.of(CORNERS, 2, 2, 4), "scores", scores, "labels", labels(1, 0, 1, -1))));
        assertEquals(
                51 / 101. / 2 + .5,
                value(outputs(
                        "boxes",
                        Tensor.of(CORNERS, 2, 2, 4),
                        "scores",
                        Tensor.of(new float[] {.9f, .8f, Float.NaN, 0}, 2, 2),
                        "labels",
                        labels(1, 0, 1, 1))),
                1e-12);
    }

    @Test
    void ofOnePictureTheAxisOfSamplesMayBeMissing() throws IOException {
        var file = Data.write(
                folder.resolve("one.npz"), Map.of("x", Tensor.zeros(DataType.FLOAT, 2, 1), "targets", TARGETS));
        try (var data = Dataset.open(List.of(file));
                var metric = Metric.of(Measure.of("map"), data).orElseThrow()) {
            metric.add(
                    new Dataset.Batch(0, 1, Map.of()),
                    outputs(
                            "boxes",
                            Tensor.of(CORNERS, 4, 4).rows(0, 2),
                            "labels",
                            Tensor.vector(1L, 0),
                            "scores",
                            Tensor.vector(.9f, .8f)));
            metric.add(
                    new Dataset.Batch(1, 1, Map.of()),
                    outputs(
                            "boxes",
                            Tensor.of(CORNERS, 4, 4).rows(2, 3),
                            "labels",
                            Tensor.vector(1L),
                            "scores",
                            Tensor.vector(.7f)));

            assertEquals(1, metric.value());
            assertEquals(List.of("boxes", "scores", "labels"), metric.outputs(Map.of()));
        }
        var together = outputs(
                "boxes",
                Tensor.of(CORNERS, 4, 4),
                "labels",
                Tensor.vector(1L, 0, 1, 0),
                "scores",
                Tensor.vector(.9f, .8f, .7f, 0));
        assertTrue(assertThrows(BadInput.class, () -> {
                    try (var data = Dataset.open(List.of(file));
                            var metric = Metric.of(Measure.of("map"), data).orElseThrow()) {
                        metric.add(new Dataset.Batch(0, 2, Map.of()), together);
                    }
                })
                .getMessage()
                .contains("one picture at a time"));
    }

    @Test
    void scoresMayBeTheFifthColumnOfTheBoxes() throws IOException {
        var dets = new float[20];
        for (int i = 0; i < 4; i++) {
            System.arraycopy(CORNERS, 4 * i, dets, 5 * i, 4);
            dets[5 * i + 4] = i == 3 ? 0 : .5f;
        }

        assertEquals(1, value(outputs("dets", Tensor.of(dets, 2, 2, 5), "labels", labels(1, 0, 1, 0))));
    }

    @Test
    void queriesHaveTheirLikeliestClassAndTheLastIsNothing() throws IOException {
        var boxes = Tensor.of(CENTRED, 2, 2, 4);
        var logits = Tensor.of(new float[] {0, 3, 2, 5, 0, 1, 0, 3, 1, -9, -8, 9}, 2, 2, 3);
        var hidden = Tensor.zeros(DataType.FLOAT, 2, 2, 8);

        assertEquals(1, value(outputs("last_hidden_state", hidden, "logits", logits, "pred_boxes", boxes)));
        // The box of the query without an object would be more confident by its logit alone
        assertEquals(
                1,
                value(outputs(
                        "logits",
                        Tensor.of(new float[] {0, 3, 2, 5, 0, 1, 0, 3, 1, 3, 8, 19}, 2, 2, 3),
                        "boxes",
                        boxes)));
    }

    @Test
    void classesOfQueriesMayHaveProbabilitiesOfTheirOwn() throws IOException {
        // Given: only as many (query, class) pairs count as there are queries, which excludes the third and fourth of
        // the first picture
        var boxes = Tensor.of(CENTRED, 2, 2, 4);
        var logits = Tensor.of(new float[] {1, 3, 5, 0, 0, 3, -9, -8}, 2, 2, 2);

        assertEquals(1, value("map-sigmoid", Optional.empty(), TARGETS, 2, outputs("dets", boxes, "labels", logits)));
        assertEquals(
                1,
                value("map50-sigmoid", Optional.empty(), TARGETS, 1, outputs("logits", logits, "pred_boxes", boxes)));
        assertTrue(assertThrows(
                        BadInput.class,
                        () -> value(
                                "map-sigmoid",
                                Optional.empty(),
                                TARGETS,
                                2,
                                outputs("output0", Tensor.zeros(DataType.FLOAT, 2, 6, 8))))
                .getMessage()
                .contains("pred_boxes"));
        assertTrue(assertThrows(
                        BadInput.class,
                        () -> value(outputs("logits", Tensor.zeros(DataType.FLOAT, 2, 2, 1), "pred_boxes", boxes)))
                .getMessage()
                .contains("use map-sigmoid"));
    }

    @Test
    void targetsOfQueriesAreSharesOfThePicture() {
        var pixels = Tensor.of(new float[] {0, 3, 3, 320, 200, 0, 3, 3, 320, 200}, 2, 1, 5);

        var refused = assertThrows(
                BadInput.class,
                () -> value(
                        "map",
                        Optional.empty(),
                        pixels,
                        2,
                        outputs(
                                "logits",
                                Tensor.zeros(DataType.FLOAT, 2, 2, 3),
                                "pred_boxes",
                                Tensor.of(CENTRED, 2, 2, 4))));

        assertTrue(
                refused.getMessage().contains("sample 0")
                        && refused.getMessage().contains("divide x by its width"),
                refused.getMessage());
    }

    @Test
    void rowsOfSixAreCornersScoreAndClass() throws IOException {
        var rows = new float[24];
        for (int i = 0; i < 4; i++) {
            System.arraycopy(CORNERS, 4 * i, rows, 6 * i, 4);
            rows[6 * i + 4] = i == 3 ? 0 : .5f;
            // A class that went through 8 bits.
            rows[6 * i + 5] = i == 1 ? .1f : .9f;
        }

        assertEquals(1, value(outputs("output0", Tensor.of(rows, 2, 2, 6))));
    }

    /** A head {@code [2, 6, anchors]} of the right boxes, and of one that overlaps the first by {@code .8} with another score. */
    private static Tensor head(int anchors, float again) {
        var values = new float[2 * 6 * anchors];
        for (int k = 0; k < 4; k++) {
            values[k * anchors + 2] = CENTRED[k];
            values[k * anchors + 4] = CENTRED[4 + k];
            values[k * anchors + 6] = k == 3 ? .2f : k == 1 ? .1f : CENTRED[k];
            values[(6 + k) * anchors + 1] = CENTRED[8 + k];
        }
        values[5 * anchors + 2] = .9f;
        values[4 * anchors + 4] = .8f;
        values[5 * anchors + 6] = again;
        values[11 * anchors + 1] = .7f;
        return Tensor.of(values, 2, 6, anchors);
    }

    @Test
    void aYoloHeadIsSuppressedClassByClass() throws IOException {
        assertEquals(1, value(outputs("output0", head(8, .85f), "features", Tensor.zeros(DataType.FLOAT, 2, 3, 4, 4))));
        // The worse box comes first: it replaces the right one, which it overlaps by .8
        assertEquals(
                1,
                value("map50", Optional.of("output0"), TARGETS, 2, outputs("p", head(8, 0), "output0", head(8, .95f))),
                1e-12);
        assertEquals(
                (1 + .7 + .3 * .5 * 51 / 101) / 2,
                value("map", Optional.of("output0"), TARGETS, 2, outputs("output0", head(8, .95f))),
                1e-12,
                "at thresholds above .8 the worse box is wrong");
    }

    @Test
    void boxesOfAnchorsAreSuppressedToo() throws IOException {
        var boxes = Tensor.of(
                new float[] {
                    0, 0, .25f, .25f, 0, 0, .25f, .24f, .5f, .5f, 1, 1, .25f, 0, .75f, .5f, 0, 0, 0, 0, 0, 0, 0, 0
                },
                2,
                3,
                4);
        var scores = Tensor.of(new float[] {.1f, .9f, .1f, .8f, .9f, 0, 0, .7f, 0, 0, 0, 0}, 2, 3, 2);

        assertEquals(1, value(outputs("scores", scores, "boxes", boxes)));
    }

    @Test
    void outputsThatAreNoDetectorsAreNamed() {
        var logits = outputs("logits", Tensor.zeros(DataType.FLOAT, 2, 10));

        var refused = assertThrows(BadInput.class, () -> value(logits));

        assertTrue(refused.getMessage().contains("logits=FLOAT[2, 10]"), refused.getMessage());
        assertTrue(refused.getMessage().contains("pred_boxes"), refused.getMessage());
        var unknown = assertThrows(BadInput.class, () -> value("map", Optional.of("boxs"), TARGETS, 2, logits));
        assertTrue(unknown.getMessage().contains("'boxs'"), unknown.getMessage());
    }

    @Test
    void targetsThatAreNoBoxesAreRefused() {
        var head = outputs("output0", head(8, .5f));
        var refused = new ArrayList<String>();
        for (var targets : List.of(
                Tensor.zeros(DataType.FLOAT, 2, 4),
                Tensor.of(new float[] {0, 8, 8, 2, 2, 0, 8, 8, 2, 2}, 2, 1, 5),
                Tensor.of(new float[] {.5f, 0, 0, 2, 2, 0, 8, 8, 9, 9}, 2, 1, 5),
                Tensor.of(new float[] {-1, 0, 0, 0, 0, -1, 0, 0, 0, 0}, 2, 1, 5))) {
            refused.add(assertThrows(BadInput.class, () -> value("map", Optional.empty(), targets, 2, head))
                    .getMessage());
        }

        assertTrue(
                refused.get(0).contains("[samples, boxes, 5]") && refused.get(0).contains("FLOAT[2, 4]"),
                refused.get(0));
        assertTrue(
                refused.get(1).contains("box 0 of sample 0") && refused.get(1).contains("right and lower edge"),
                refused.get(1));
        assertTrue(refused.get(2).contains("[0.5, 0.0"), refused.get(2));
        assertTrue(refused.get(3).contains("no boxes"), refused.get(3));
    }
}
