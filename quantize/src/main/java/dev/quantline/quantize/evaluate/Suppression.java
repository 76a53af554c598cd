package dev.quantline.quantize.evaluate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Non-maximum suppression, class by class, with what Ultralytics validates its networks with: a box counts for every class whose score
 * is above .001, and a box that overlaps one of the same class and a higher score by more than .7 is left out. Their limit of 300 boxes
 * a picture is none here: {@link AveragePrecision} takes no more than its own of each class.
 */
final class Suppression {
    private static final double LEAST_SCORE = .001;
    private static final double LARGEST_OVERLAP = .7;

    private Suppression() {}

    /** How sure the model is that a box is of a class. */
    interface Score {
        double of(int box, int label);
    }

    /** What remains of the boxes of a picture, class after class. */
    static List<Detection> of(List<Box> boxes, int classes, Score score) {
        return IntStream.range(0, classes)
                .boxed()
                .flatMap(label -> of(boxes, label, box -> score.of(box, label)).stream())
                .toList();
    }

    /** What remains of them for one class, highest score first. */
    private static List<Detection> of(List<Box> boxes, int label, IntToDoubleFunction score) {
        var kept = new ArrayList<Detection>();
        var order = IntStream.range(0, boxes.size())
                .filter(i -> score.applyAsDouble(i) > LEAST_SCORE)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -score.applyAsDouble(i)))
                .iterator();
        while (order.hasNext() && kept.size() < AveragePrecision.MOST) {
            int i = order.next();
            var box = boxes.get(i);
            if (kept.stream().noneMatch(better -> better.box().overlap(box) > LARGEST_OVERLAP)) {
                kept.add(new Detection(label, score.applyAsDouble(i), box));
            }
        }
        return kept;
    }
}
