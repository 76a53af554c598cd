package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.evaluate.DetectorOutputs.Anchors;
import dev.quantline.quantize.evaluate.DetectorOutputs.Head;
import dev.quantline.quantize.evaluate.DetectorOutputs.Labelled;
import dev.quantline.quantize.evaluate.DetectorOutputs.Queries;
import dev.quantline.quantize.evaluate.DetectorOutputs.Rows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Recognises the outputs of a detector by names and shapes. */
final class DetectorLayout {
    private static final int CORNERS = 4;
    /** A box with its score as fifth column. */
    private static final int SCORED = 5;

    private static final int ROW = 6;

    private final Map<String, Tensor> outputs;
    private final boolean sigmoid;

    private DetectorLayout(Map<String, Tensor> outputs, boolean sigmoid) {
        this.outputs = outputs;
        this.sigmoid = sigmoid;
    }

    /**
     * The first layout that fits: {@link Queries} and {@link Anchors} by the names of their outputs, {@link Labelled} by shapes, and
     * by names if several fit; {@link Rows} and {@link Head} are the first float output.
     *
     * @param named   an output that the layout must read
     * @param sigmoid whether to look only for queries, with independent class probabilities
     * @throws BadInput if none fits, or if the outputs are ambiguous
     */
    static DetectorOutputs of(Map<String, Tensor> outputs, Optional<String> named, boolean sigmoid) {
        named.ifPresent(name -> Metric.named(outputs, name));
        var layout = new DetectorLayout(outputs, sigmoid);
        var candidates = sigmoid
                ? layout.queries()
                : Stream.<Supplier<Stream<? extends DetectorOutputs>>>of(
                                layout::queries,
                                () -> layout.labelled(named),
                                layout::anchors,
                                () -> layout.single(named))
                        .flatMap(Supplier::get);
        return candidates.filter(found -> reads(found, named)).findFirst().orElseThrow(() -> layout.unknown(named));
    }

    private static boolean reads(DetectorOutputs found, Optional<String> named) {
        return named.isEmpty() || found.names().contains(named.get());
    }

    private BadInput unknown(Optional<String> named) {
        String wanted = sigmoid
                ? "no pred_boxes [samples, queries, 4] and logits [samples, queries, classes]"
                : "no boxes, scores and labels, no pred_boxes and logits, "
                        + "and no output [samples, 4 + classes, anchors] or [samples, found, 6]";
        return new BadInput("metric map finds " + wanted
                + named.map(name -> " with '" + name + "' among them").orElse("") + " in the outputs " + outputs
                + ": docs/job.md#metrics explains how they are recognised");
    }

    private Stream<DetectorOutputs> queries() {
        return pairs(List.of("pred_boxes", "boxes", "dets"), List.of("logits", "pred_logits", "labels"))
                .map(pair -> queries(pair.getFirst(), pair.getLast()));
    }

    private DetectorOutputs queries(String boxes, String logits) {
        if (!sigmoid && outputs.get(logits).dim(2) == 1) {
            throw new BadInput("metric map: output '" + logits
                    + "' has only one class, but the last class of a softmax means 'no object': use map-sigmoid");
        }
        return new Queries(boxes, logits, sigmoid);
    }

    private Stream<DetectorOutputs> anchors() {
        return pairs(List.of("boxes"), List.of("scores")).map(pair -> new Anchors(pair.getFirst(), pair.getLast()));
    }

    /** Boxes {@code [samples, n, 4]} and per-class figures {@code [samples, n, classes]}. */
    private Stream<List<String>> pairs(List<String> boxes, List<String> classes) {
        return boxes.stream()
                .filter(name -> is(name, true, 3) && outputs.get(name).dim(2) == CORNERS)
                .flatMap(box -> classes.stream()
                        .filter(name -> is(name, true, 3)
                                && same(
                                        outputs.get(name).shape(),
                                        outputs.get(box).shape(),
                                        2))
                        .map(name -> List.of(box, name)));
    }

    private boolean is(String name, boolean floating, int rank) {
        var tensor = outputs.get(name);
        return tensor != null && tensor.type().isFloating() == floating && tensor.rank() == rank;
    }

    private static boolean same(long[] one, long[] two, int axes) {
        return Arrays.equals(one, 0, axes, two, 0, axes);
    }

    private Stream<Labelled> labelled(Optional<String> named) {
        var found = new ArrayList<Labelled>();
        for (String labels : outputs.keySet()) {
            var shape = outputs.get(labels).shape();
            if (outputs.get(labels).type().isFloating() || shape.length < 1 || shape.length > 2) {
                continue;
            }
            var besides = outputs.keySet().stream()
                    .filter(name -> is(name, true, shape.length + 1)
                            && same(outputs.get(name).shape(), shape, shape.length))
                    .toList();
            var scores = outputs.keySet().stream()
                    .filter(name -> is(name, true, shape.length)
                            && Arrays.equals(outputs.get(name).shape(), shape))
                    .toList();
            for (String boxes : besides) {
                int width = outputs.get(boxes).dim(-1);
                if (width == SCORED) {
                    found.add(new Labelled(boxes, Optional.empty(), labels));
                } else if (width == CORNERS) {
                    scores.forEach(score -> found.add(new Labelled(boxes, Optional.of(score), labels)));
                }
            }
        }
        found.removeIf(each -> !reads(each, named));
        var called = new Labelled("boxes", Optional.of("scores"), "labels");
        if (found.size() > 1 && !found.contains(called)) {
            throw new BadInput("metric map: boxes, scores and labels may be any of "
                    + found.stream().map(Labelled::names).toList()
                    + ": name the outputs boxes, scores and labels, or give one that resolves it in evaluation.output");
        }
        return found.size() > 1 ? Stream.of(called) : found.stream();
    }

    private Stream<DetectorOutputs> single(Optional<String> named) {
        var tensor = outputs.get(Metric.output(outputs, named));
        String name = Metric.output(outputs, named);
        if (tensor.rank() != 3) {
            return Stream.empty();
        }
        return tensor.dim(2) == ROW
                ? Stream.of(new Rows(name))
                : tensor.dim(1) > CORNERS && tensor.dim(2) > tensor.dim(1) ? Stream.of(new Head(name)) : Stream.empty();
    }
}
