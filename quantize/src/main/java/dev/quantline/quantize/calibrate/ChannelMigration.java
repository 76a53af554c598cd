package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.pattern.NormOutput;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.onnx.rewrite.ScaleMigration;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.Placement.QuantizationPoint;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.settings.Migration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Moves the spread of channels out of activations, mainly outputs of norms, into the layers that read them. */
final class ChannelMigration {
    private final Measurements measured;
    private final CalibrateSettings settings;
    private final List<String> moved = new ArrayList<>();
    private final List<String> refused = new ArrayList<>();

    ChannelMigration(Measurements measured) {
        this.measured = measured;
        settings = measured.settings();
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

    /** The model with the spread moved wherever that helps, and the measurements of its activations. */
    Measurements apply(Progress progress) {
        var points =
                Placement.of(measured.model(), settings.exclude()).activations().values();
        var graph = measured.model();
        int done = 0;
        for (var point : points) {
            progress.report((double) done++ / points.size(), "moving channel spread of norm outputs");
            var readers = readers(graph, point);
            boolean norm = NormOutput.of(graph.index(), point.tensor()).isPresent();
            if (!isMovable(measured.model(), point, readers)) {
                refuse(
                        graph,
                        point.tensor(),
                        "not all of its quantized readers are MatMul or Gemm with constant weights");
                continue;
            }
            var choice = choice(graph, point, norm, readers);
            if (choice.isEmpty()) {
                refuse(
                        graph,
                        point.tensor(),
                        norm
                                ? "its readers' outputs would not improve, or its channels are unknown"
                                : settings.layernorm() == Migration.SEARCH
                                        ? "a multiplication would remove less than a fifth of the error"
                                        : "its gamma or beta is not a constant vector over the last axis");
            } else {
                graph = moved(graph, point.tensor(), readers, choice.get());
            }
        }
        return measured.in(graph);
    }

    private Graph moved(Graph graph, String tensor, List<Node> readers, MigrationSearch.Choice choice) {
        moved.add(tensor);
        var batches = measured.captured().orElseThrow();
        var result = new ScaleMigration(tensor, readers, choice.ratio(), choice.shift())
                .apply(graph)
                .graph();
        String read = result.node(readers.getFirst().name()).orElseThrow().input(0);
        var migrated = batches.all(tensor).map(values -> MigrationSearch.migrate(values, choice));
        measured.profiles().put(read, TensorProfile.of(read, -1, migrated::iterator));
        for (int i = 0; settings.measuresReaders() && i < batches.size(); i++) {
            batches.put(i, read, MigrationSearch.migrate(batches.get(i, tensor), choice));
        }
        return result;
    }

    /** Records why a norm was left alone; for other activations nobody expects a reason. */
    private void refuse(Graph graph, String tensor, String reason) {
        if (NormOutput.kindOf(graph.index(), tensor).isPresent()) {
            refused.add(tensor + ": " + reason);
        }
    }

    private Optional<MigrationSearch.Choice> choice(
            Graph graph, QuantizationPoint point, boolean norm, List<Node> readers) {
        var search = new MigrationSearch(settings);
        var seen = measured.profileOf(point.tensor());
        if (settings.layernorm() != Migration.SEARCH) {
            return norm ? search.fixed(seen) : Optional.empty();
        }
        try (var error = measured.consumers(graph, readers)) {
            return search.best(graph, seen, norm, readers, measured.captured().orElseThrow(), error);
        }
    }

    /** The activations whose channel spread was moved into the layers that read them, and the norms that kept theirs, with reasons. */
    Rewrite rewrite() {
        return new Rewrite(ScaleMigration.NAME, moved, refused);
    }
}
