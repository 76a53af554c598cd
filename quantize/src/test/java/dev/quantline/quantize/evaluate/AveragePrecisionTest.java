package dev.quantline.quantize.evaluate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class AveragePrecisionTest {
    private static final int CLASSES = 4;

    /** Pictures with true boxes and the detections of a poor detector; scores of different boxes are often equal. */
    private static void see(AveragePrecision precision, long seed, int pictures, int noise) {
        var random = new Random(seed);
        for (int picture = 0; picture < pictures; picture++) {
            var right = new HashMap<Integer, List<Box>>();
            var found = new ArrayList<Detection>();
            for (int k = random.nextInt(8); k > 0; k--) {
                int label = random.nextInt(CLASSES);
                int x = random.nextInt(64);
                int y = random.nextInt(64);
                int width = 4 + random.nextInt(32);
                int height = 4 + random.nextInt(32);
                right.computeIfAbsent(label, first -> new ArrayList<>()).add(new Box(x, y, x + width, y + height));
                for (int again = random.nextInt(4); again > 0; again--) {
                    int left = x + random.nextInt(8) - 4;
                    int upper = y + random.nextInt(4) - 2;
                    found.add(new Detection(
                            random.nextInt(8) == 0 ? random.nextInt(CLASSES) : label,
                            score(random),
                            new Box(left, upper, left + width + random.nextInt(4), upper + height)));
                }
            }
            for (int k = random.nextInt(noise); k > 0; k--) {
                int left = random.nextInt(64);
                int upper = random.nextInt(64);
                found.add(new Detection(
                        random.nextInt(CLASSES),
                        score(random),
                        new Box(left, upper, left + 1 + random.nextInt(32), upper + 1 + random.nextInt(32))));
            }
            precision.add(found, right);
        }
    }

    private static double score(Random random) {
        return (1 + random.nextInt(256)) / 256.0;
    }

    /**
     * The expected values come from {@code pycocotools.cocoeval.COCOeval} of pycocotools 2.0.11 for the same boxes: stats[0] and stats[1].
     */
    @ParameterizedTest
    @CsvSource({
        "1, 8, 2, 0.241969322, 0.478600360",
        "2, 60, 16, 0.097746198, 0.213513701",
        "3, 200, 8, 0.117671833, 0.280853377",
        "4, 30, 1024, 0.003338764, 0.008318173",
        "5, 3, 64, 0.120875444, 0.261168594"
    })
    void itIsWhatPycocotoolsComputes(long seed, int pictures, int noise, double overThresholds, double at50) {
        var all = AveragePrecision.overThresholds();
        var half = AveragePrecision.at50();

        see(all, seed, pictures, noise);
        see(half, seed, pictures, noise);

        assertEquals(overThresholds, all.value(), 1e-6);
        assertEquals(at50, half.value(), 1e-6);
    }

    @Test
    void aBoxIsFoundOnceAndAtThatOfTwoWhichOverlapsMost() {
        var precision = AveragePrecision.at50();
        var box = new Box(0, 0, 10, 10);
        var near = new Box(0, 0, 10, 9);

        // When the more confident detection takes the box that it overlaps most, the other box is left for the second
        precision.add(
                List.of(new Detection(0, .9, near), new Detection(0, .8, box), new Detection(0, .7, box)),
                Map.of(0, List.of(box, near)));

        // Then the third box is detected twice, but no recall is left that this could reduce
        assertEquals(1, precision.value(), 1e-12);
    }

    @Test
    void classesWithoutRightBoxesDoNotCountAndWithoutAnyThereIsNoFigure() {
        var precision = AveragePrecision.at50();
        var box = new Box(0, 0, 1, 1);

        precision.add(List.of(new Detection(3, 1, box)), Map.of());
        assertTrue(Double.isNaN(precision.value()));
        precision.add(List.of(new Detection(1, 1, box)), Map.of(1, List.of(box)));
        assertEquals(1, precision.value());
        precision.add(List.of(), Map.of(2, List.of(box)));

        assertEquals(.5, precision.value());
    }

    @Test
    void boxesWithoutAnAreaOverlapNothing() {
        var point = new Box(1, 1, 1, 1);

        assertEquals(0, point.overlap(point));
        assertEquals(0, new Box(0, 0, 1, 1).overlap(new Box(1, 0, 2, 1)));
        assertEquals(1 / 7., new Box(0, 0, 2, 2).overlap(new Box(1, 1, 3, 3)), 1e-12);
        assertEquals(new Box(2, 1, 4, 7), Box.centred(3, 4, 2, 6));
    }
}
