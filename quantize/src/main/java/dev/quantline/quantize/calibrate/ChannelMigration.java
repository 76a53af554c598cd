package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.pattern.NormOutput;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.onnx.rewrite.ScaleMigration;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.calibrate.ChannelMoves.Move;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.Placement.QuantizationPoint;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.settings.Migration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Moves the spread of channels out of activations, mainly outputs of norms, into the layers that read them. */
final class ChannelMigration {
    private final Measurements measured;
    private final CalibrateSettings settings;
    private final Collection<QuantizationPoint> points;

    /** @param measured of the model before anything is moved */
    ChannelMigration(Measurements measured) {
        this.measured = measured;
        settings = measured.settings();
        points =
                Placement.of(measured.model(), settings.exclude()).activations().values();
    }

    /** The activations whose channel spread could be moved. */
    static List<String> candidates(Graph model, Placement placement, CalibrateSettings settings) {
        return placement.activations().values().stream()
                .filter(point -> isMovable(model, point, readers(model, point))
                        && (settings.layernorm() == Migration.SEARCH
                                || NormOutput.of(model.index(), point.tensor()).isPresent()))
                .map(QuantizationPoint::tensor)
                .toList();
    }

    /** Whether a tensor's quantized readers are all products that can absorb what is moved out of it. */
    private static boolean isMovable(Graph model, QuantizationPoint point, List<Node> readers) {
        return !readers.isEmpty()
                && readers.stream()
                        .allMatch(reader -> reader.input(0).equals(point.tensor())
                                && LayerWeight.of(model, reader).isPresent()
                                && !reader.is("Conv"));
    }

    private static List<Node> readers(Graph graph, QuantizationPoint point) {
        return graph.nodes().stream()
                .filter(node -> point.readers().contains(node.name()))
                .toList();
    }

    /** Decides for each activation of a part by itself; what becomes of the others does not matter to it. */
    ChannelMoves choose(CalibrationPart part, Progress progress) {
        var chosen = new ChannelMoves(new TreeMap<>(), new TreeMap<>());
        int done = 0;
        for (var point : points) {
            if (part.activations().contains(point.tensor())) {
                progress.report((double) done++ / part.activations().size(), "moving channel spread of norm outputs");
                choose(point, chosen);
            }
        }
        return chosen;
    }

    private void choose(QuantizationPoint point, ChannelMoves chosen) {
        var readers = readers(measured.model(), point);
        boolean norm = NormOutput.of(measured.model().index(), point.tensor()).isPresent();
        if (!isMovable(measured.model(), point, readers)) {
            refuse(chosen, point, "not all of its quantized readers are MatMul or Gemm with constant weights");
            return;
        }
        var move = move(point, norm, readers);
        if (move.isPresent()) {
            chosen.moved().put(point.tensor(), move.get());
        } else {
            refuse(
                    chosen,
                    point,
                    norm
                            ? "its readers' outputs would not improve, or its channels are unknown"
                            : settings.layernorm() == Migration.SEARCH
                                    ? "a multiplication would remove less than a fifth of the error"
                                    : "its gamma or beta is not a constant vector over the last axis");
        }
    }

    /** Records why a norm was left alone; for other activations nobody expects a reason. */
    private void refuse(ChannelMoves chosen, QuantizationPoint point, String reason) {
        if (NormOutput.kindOf(measured.model().index(), point.tensor()).isPresent()) {
            chosen.refused().put(point.tensor(), reason);
        }
    }

    private Optional<Move> move(QuantizationPoint point, boolean norm, List<Node> readers) {
        var search = new MigrationSearch(settings);
        var seen = measured.profileOf(point.tensor());
        if (settings.layernorm() != Migration.SEARCH) {
            return norm ? search.fixed(seen) : Optional.empty();
        }
        try (var error = measured.consumers(measured.model(), readers)) {
            return search.best(
                    measured.model(), seen, norm, readers, measured.captured().orElseThrow(), error);
        }
    }

    /**
     * A model with channels moved.
     *
     * @param measured of that model
     * @param names    for each activation whose channels were moved, the tensor that is quantized in its stead
     */
    record Moved(Measurements measured, Map<String, String> names) {}

    /** Moves channels in the whole model, and in the measurements of a part. */
    Moved apply(ChannelMoves moves, CalibrationPart part) {
        var graph = measured.model();
        var names = new HashMap<String, String>();
        for (var point : points) {
            var move = moves.moved().get(point.tensor());
            if (move != null) {
                var readers = readers(graph, point);
                graph = new ScaleMigration(point.tensor(), readers, move.ratio(), move.shift())
                        .apply(graph)
                        .graph();
                String read =
                        graph.node(readers.getFirst().name()).orElseThrow().input(0);
                names.put(point.tensor(), read);
                if (part.activations().contains(point.tensor())) {
                    measure(point.tensor(), read, move);
                }
            }
        }
        return new Moved(measured.in(graph), names);
    }

    private void measure(String tensor, String read, Move move) {
        var batches = measured.captured().orElseThrow();
        var migrated = batches.all(tensor).map(values -> MigrationSearch.migrate(values, move));
        measured.profiles().put(read, TensorProfile.of(read, -1, migrated::iterator));
        for (int i = 0; settings.measuresReaders() && i < batches.size(); i++) {
            batches.put(i, read, MigrationSearch.migrate(batches.get(i, tensor), move));
        }
    }

    /** The activations whose channel spread was moved into the layers that read them, and the norms that kept theirs, with reasons. */
    Rewrite rewrite(ChannelMoves moves) {
        var moved = points.stream()
                .map(QuantizationPoint::tensor)
                .filter(moves.moved()::containsKey)
                .toList();
        var refused = points.stream()
                .map(QuantizationPoint::tensor)
                .filter(moves.refused()::containsKey)
                .map(tensor -> tensor + ": " + moves.refused().get(tensor))
                .toList();
        return new Rewrite(ScaleMigration.NAME, moved, refused);
    }
}
