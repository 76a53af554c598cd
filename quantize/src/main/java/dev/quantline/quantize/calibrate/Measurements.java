package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.TensorBatches;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.TensorProfile;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The measured activations of a float model.
 *
 * @param profiles by tensor
 * @param captured activations of some samples; empty if no setting tries quantizers on them
 */
record Measurements(
        Graph model,
        Map<String, TensorProfile> profiles,
        Optional<TensorBatches> captured,
        CalibrateSettings settings,
        Provider provider)
        implements AutoCloseable {
    /** Two sets of tensors are kept: the inputs of layers, and the reference outputs of the current layers. */
    private static final int SHARES = 2;

    static Measurements without(Graph model, Profile profile, CalibrateSettings settings) {
        return new Measurements(model, profile.tensors(), Optional.empty(), settings, Provider.cpu());
    }

    /** Measurements of a part: what it does not read is not kept. */
    static Measurements on(
            Graph model,
            Profile profile,
            Samples samples,
            CalibrateSettings settings,
            int batch,
            CalibrationPart part,
            Provider provider,
            Progress progress) {
        var placement = Placement.of(model, settings.exclude());
        progress.report(0, "running " + settings.samples() + " samples to try quantizers on");
        var movable = ChannelMigration.candidates(model, placement, settings).stream()
                .filter(part.activations()::contains)
                .toList();
        var captured = new ActivationSample(
                        model,
                        read(model, placement.activations().keySet()),
                        settings.measuresReaders() ? read(model, part.activations()) : movable)
                .run(
                        samples,
                        settings.samples(),
                        batch,
                        provider,
                        settings.spilling().share(SHARES));
        return new Measurements(model, new HashMap<>(profile.tensors()), Optional.of(captured), settings, provider);
    }

    /** The activations, and everything else that the layers that read them read. */
    private static Set<String> read(Graph model, Set<String> activations) {
        var tensors = new LinkedHashSet<>(activations);
        for (var node : model.nodes()) {
            if (Operators.LAYERS.has(node) && node.inputs().stream().anyMatch(activations::contains)) {
                node.inputs().stream()
                        .filter(input ->
                                !input.isEmpty() && !model.initializers().containsKey(input))
                        .forEach(tensors::add);
            }
        }
        return tensors;
    }

    /** The same activations in a model that was rewritten. */
    Measurements in(Graph rewritten) {
        return new Measurements(rewritten, profiles, captured, settings, provider);
    }

    /** @throws BadInput if the tensor was not profiled, or never had a value */
    TensorProfile profileOf(String tensor) {
        var seen = profiles.get(tensor);
        if (seen == null) {
            throw new BadInput("activation '" + tensor + "' is not in the profile: profile the model again");
        }
        if (seen.histogram().total() == 0) {
            throw new BadInput("activation '" + tensor
                    + "' never had a value: give at least as many calibration samples as the model takes at once");
        }
        return seen;
    }

    /** Measures the effect of quantizers on outputs of layers, on the samples that were run; to be closed by the caller. */
    ConsumerError consumers(Graph graph, List<Node> readers) {
        return new ConsumerError(
                graph, readers, captured.orElseThrow(), settings.spilling().share(SHARES), provider);
    }

    @Override
    public void close() {
        captured.ifPresent(TensorBatches::close);
    }
}
