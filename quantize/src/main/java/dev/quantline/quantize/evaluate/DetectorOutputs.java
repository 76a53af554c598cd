package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The outputs of a detector that hold its detections, in one of the layouts in which detectors are exported. Boxes are given by
 * their corners x1, y1, x2, y2 unless stated otherwise. Classes are numbered as by the model, from 0 where they are positions.
 */
sealed interface DetectorOutputs {
    /** Names of the outputs that it reads. */
    List<String> names();

    /**
     * The detections in one picture.
     *
     * @param picture outputs by name, of one sample
     */
    List<Detection> found(Map<String, Tensor> picture);

    /** Whether boxes are in fractions of the picture's sides. */
    default boolean areShares() {
        return false;
    }

    /**
     * Boxes {@code [samples, found, 4]}, scores {@code [samples, found]} and integer labels of the same shape; for a single picture the
     * batch axis may be missing. The layout of torchvision and of exports that include non-maximum suppression.
     *
     * @param scores empty if they are the fifth column of {@code boxes}, as in MMDeploy's {@code dets}
     */
    record Labelled(String boxes, Optional<String> scores, String labels) implements DetectorOutputs {
        @Override
        public List<String> names() {
            var names = new ArrayList<>(List.of(boxes, labels));
            scores.ifPresent(name -> names.add(1, name));
            return names;
        }

        @Override
        public List<Detection> found(Map<String, Tensor> picture) {
            var label = picture.get(labels);
            int count = label.dim(-1);
            var of = picture.get(boxes);
            int width = of.dim(-1);
            return IntStream.range(0, count)
                    .mapToObj(i -> new Detection(
                            (int) label.get(i),
                            scores.map(name -> picture.get(name).get(i)).orElseGet(() -> of.get(i * width + width - 1)),
                            corners(of, i * width)))
                    .toList();
        }
    }

    /**
     * Boxes {@code [samples, queries, 4]} as centres and sides in fractions of the picture's sides, and logits
     * {@code [samples, queries, classes]}: DETR (Carion et al., arXiv 2005.12872) and its successors.
     *
     * @param sigmoid whether classes have independent probabilities, the sigmoids of their logits, and the best (query, class) pairs
     *                count, as many as there are queries; otherwise each query gets its best class of a softmax whose last class
     *                means no object
     */
    record Queries(String boxes, String logits, boolean sigmoid) implements DetectorOutputs {
        @Override
        public List<String> names() {
            return List.of(boxes, logits);
        }

        @Override
        public boolean areShares() {
            return true;
        }

        @Override
        public List<Detection> found(Map<String, Tensor> picture) {
            var of = picture.get(boxes);
            var values = picture.get(logits).toFloats();
            int queries = of.dim(1);
            int classes = picture.get(logits).dim(2);
            var all = IntStream.range(0, queries).boxed().flatMap(i -> {
                var box = centred(of, 4 * i, 1);
                return sigmoid
                        ? IntStream.range(0, classes)
                                .mapToObj(c -> new Detection(c, 1 / (1 + Math.exp(-values[i * classes + c])), box))
                        : Stream.of(likeliest(values, i * classes, classes, box));
            });
            return all.sorted(Comparator.comparingDouble(each -> -each.score()))
                    .limit(queries)
                    .toList();
        }

        private static Detection likeliest(float[] values, int from, int classes, Box box) {
            int best = Classes.largest(values, from, classes - 1);
            return new Detection(best, Math.exp(LogSoftmax.of(FloatBuffer.wrap(values), from, classes)[best]), box);
        }
    }

    /** One output {@code [samples, found, 6]} of corners, score and class, of networks that need no suppression or include it. */
    record Rows(String output) implements DetectorOutputs {
        @Override
        public List<String> names() {
            return List.of(output);
        }

        @Override
        public List<Detection> found(Map<String, Tensor> picture) {
            var rows = picture.get(output);
            int count = rows.dim(1);
            return IntStream.range(0, count)
                    .mapToObj(i -> new Detection(
                            (int) Math.round(rows.get(6 * i + 5)), rows.get(6 * i + 4), corners(rows, 6 * i)))
                    .toList();
        }
    }

    /** Boxes {@code [samples, anchors, 4]} and scores {@code [samples, anchors, classes]} before {@link Suppression}, as in SSD. */
    record Anchors(String boxes, String scores) implements DetectorOutputs {
        @Override
        public List<String> names() {
            return List.of(boxes, scores);
        }

        @Override
        public List<Detection> found(Map<String, Tensor> picture) {
            var of = picture.get(boxes);
            int anchors = of.dim(1);
            var values = picture.get(scores).toFloats();
            int classes = picture.get(scores).dim(2);
            var all = IntStream.range(0, anchors)
                    .mapToObj(i -> corners(of, 4 * i))
                    .toList();
            return Suppression.of(all, classes, (i, c) -> values[i * classes + c]);
        }
    }

    /** One output {@code [samples, 4 + classes, anchors]} of centre, sides and scores before {@link Suppression}: YOLOv8 and later. */
    record Head(String output) implements DetectorOutputs {
        @Override
        public List<String> names() {
            return List.of(output);
        }

        @Override
        public List<Detection> found(Map<String, Tensor> picture) {
            var head = picture.get(output);
            int rows = head.dim(1);
            int anchors = head.dim(2);
            var all = IntStream.range(0, anchors)
                    .mapToObj(i -> centred(head, i, anchors))
                    .toList();
            return Suppression.of(all, rows - 4, (i, c) -> head.get((4 + c) * anchors + i));
        }
    }

    private static Box corners(Tensor of, int at) {
        return new Box(of.get(at), of.get(at + 1), of.get(at + 2), of.get(at + 3));
    }

    private static Box centred(Tensor of, int at, int step) {
        return Box.centred(of.get(at), of.get(at + step), of.get(at + 2 * step), of.get(at + 3 * step));
    }
}
