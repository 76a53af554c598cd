package dev.quantline.quantize.evaluate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Non-maximum suppression, class by class, with the settings of Ultralytics' validation: a box counts for every class whose score is
 * above .001, and is dropped if it overlaps one of the same class with a higher score by more than .7. Their limit of 300 boxes per
 * picture is not applied: {@link AveragePrecision} has its own limit per class.
 */
final class Suppression {
    private static final double LEAST_SCORE = .001;
    private static final double LARGEST_OVERLAP = .7;

    private Suppression() {}

    /** The model's confidence that a box belongs to a class. */
    interface Score {
        double of(int box, int label);
    }

    /** The remaining boxes of a picture, class by class. */
    static List<Detection> of(List<Box> boxes, int classes, Score score) {
        return IntStream.range(0, classes)
                .boxed()
                .flatMap(label -> of(boxes, label, box -> score.of(box, label)).stream())
                .toList();
    }

    /** The remaining boxes of one class, highest score first. */
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
