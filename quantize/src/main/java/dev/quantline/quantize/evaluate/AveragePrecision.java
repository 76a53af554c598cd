package dev.quantline.quantize.evaluate;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * Average precision as COCO defines it (Lin et al., arXiv 1405.0312; {@code pycocotools.COCOeval} for boxes of all sizes, without
 * crowds). In each picture, the detections of a class are matched in order of decreasing score, each to the unmatched true box that it
 * overlaps most, if that overlap reaches the threshold. Over all pictures, in order of decreasing score, this gives precision at each
 * recall; the highest precision at that recall or above is averaged over the recalls 0, .01, ..., 1, then over thresholds and over the
 * classes that have true boxes.
 */
final class AveragePrecision {
    /** Largest number of detections of one class in one picture that count. */
    static final int MOST = 100;

    private static final int RECALLS = 101;

    private final double[] thresholds;
    private final Map<Integer, Ranking> classes = new TreeMap<>();

    private AveragePrecision(double... thresholds) {
        this.thresholds = thresholds;
    }

    /** Over the thresholds .5, .55, ..., .95, with the doubles of pycocotools: boxes with integer edges often overlap by exactly that. */
    static AveragePrecision overThresholds() {
        return new AveragePrecision(IntStream.range(0, 10)
                .mapToDouble(i -> .5 + i * ((.95 - .5) / 9))
                .toArray());
    }

    /** At the threshold .5. */
    static AveragePrecision at50() {
        return new AveragePrecision(.5);
    }

    /** All detections of one class. */
    private static final class Ranking {
        private double[] scores = new double[0];
        /** One bit per threshold. */
        private int[] matched = new int[0];

        private int found;
        private int right;

        void add(double score, int bits) {
            if (found == scores.length) {
                scores = Arrays.copyOf(scores, Math.max(16, 2 * found));
                matched = Arrays.copyOf(matched, scores.length);
            }
            scores[found] = score;
            matched[found++] = bits;
        }
    }

    /** Adds one picture, of detections in any order and of true boxes by class. */
    void add(List<Detection> found, Map<Integer, List<Box>> right) {
        count(measure(found, right));
    }

    /**
     * Matches the detections of one picture.
     *
     * @param found detections in any order
     * @param right true boxes by class
     * @return for each class its label, its numbers of true boxes and of detections, and for each detection the score and the thresholds
     *     it is right at, a bit each
     */
    double[] measure(List<Detection> found, Map<Integer, List<Box>> right) {
        var measured = DoubleStream.builder();
        var byClass = found.stream().collect(Collectors.groupingBy(Detection::label));
        var labels = new TreeSet<>(byClass.keySet());
        labels.addAll(right.keySet());
        for (int label : labels) {
            var best = byClass.getOrDefault(label, List.of()).stream()
                    .sorted(Comparator.comparingDouble(each -> -each.score()))
                    .limit(MOST)
                    .toList();
            var boxes = right.getOrDefault(label, List.of());
            var matched = matched(best, boxes);
            measured.add(label).add(boxes.size()).add(matched.length);
            for (int d = 0; d < matched.length; d++) {
                measured.add(best.get(d).score()).add(matched[d]);
            }
        }
        return measured.build().toArray();
    }

    /** Adds what {@link #measure} gave for one picture, or for several, one after another. */
    void count(double[] measured) {
        int at = 0;
        while (at < measured.length) {
            var ranking = classes.computeIfAbsent((int) measured[at], first -> new Ranking());
            ranking.right += (int) measured[at + 1];
            int detections = (int) measured[at + 2];
            at += 3;
            for (int d = 0; d < detections; d++, at += 2) {
                ranking.add(measured[at], (int) measured[at + 1]);
            }
        }
    }

    private int[] matched(List<Detection> found, List<Box> right) {
        var overlaps = found.stream()
                .map(each -> right.stream().mapToDouble(each.box()::overlap).toArray())
                .toList();
        var matched = new int[found.size()];
        for (int t = 0; t < thresholds.length; t++) {
            var taken = new boolean[right.size()];
            for (int d = 0; d < matched.length; d++) {
                int match = match(overlaps.get(d), taken, thresholds[t]);
                if (match >= 0) {
                    taken[match] = true;
                    matched[d] |= 1 << t;
                }
            }
        }
        return matched;
    }

    /** The unmatched box with the largest overlap, the last one of ties as in pycocotools; -1 if none reaches the threshold. */
    private static int match(double[] overlaps, boolean[] taken, double threshold) {
        int match = -1;
        double most = threshold;
        for (int g = 0; g < overlaps.length; g++) {
            if (!taken[g] && overlaps[g] >= most) {
                match = g;
                most = overlaps[g];
            }
        }
        return match;
    }

    /** The mean, 0 to 1; NaN if there are no true boxes. */
    double value() {
        return classes.values().stream()
                .filter(ranking -> ranking.right > 0)
                .flatMapToDouble(this::ofClass)
                .average()
                .orElse(Double.NaN);
    }

    private DoubleStream ofClass(Ranking ranking) {
        var order = IntStream.range(0, ranking.found)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -ranking.scores[i]))
                .toList();
        return IntStream.range(0, thresholds.length)
                .mapToDouble(t -> area(
                        order.stream()
                                .mapToInt(i -> ranking.matched[i] >> t & 1)
                                .toArray(),
                        ranking.right));
    }

    /** @param matched 1 or 0, in order of decreasing score */
    private static double area(int[] matched, int right) {
        var recall = new double[matched.length];
        var precision = new double[matched.length];
        int hits = 0;
        for (int d = 0; d < matched.length; d++) {
            hits += matched[d];
            recall[d] = (double) hits / right;
            precision[d] = (double) hits / (d + 1);
        }
        for (int d = matched.length - 2; d >= 0; d--) {
            precision[d] = Math.max(precision[d], precision[d + 1]);
        }
        double sum = 0;
        int d = 0;
        for (int r = 0; r < RECALLS; r++) {
            while (d < recall.length && recall[d] < r * .01) {
                d++;
            }
            sum += d < recall.length ? precision[d] : 0;
        }
        return sum / RECALLS;
    }
}
