package dev.quantline.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.plan.Placement;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.profile.Profile;
import dev.quantline.quantizer.Quantizer;
import dev.quantline.quantizer.Uniform;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * The calibration stage: rewrites the float model where that makes it easier to quantize, and chooses a quantizer for every
 * place in it. Weights are symmetric per output channel, activations asymmetric per tensor; those that turn out to hold an
 * attention mask's constants stay float.
 */
public final class Calibrator {
    /** int32 biases must fit with room to add products to them. */
    private static final double LARGEST_BIAS = 1 << 30;

    private Calibrator() {
    }

    /** The float model to quantize, its plan, and what the plan is expected to cost. */
    public record Result(Graph model, QuantizationPlan plan, List<SiteError> errors) {
    }

    /**
     * Expected error of one quantized activation.
     *
     * @param quantizer     what it is
     * @param range         criterion that chose its range
     * @param sqnrDb        signal power over quantization error power of the activation, in decibels
     * @param consumerError squared error over power of the outputs of the layers that read it, it alone being quantized;
     *                      null when that was not measured
     */
    public record SiteError(String tensor, Quantizer quantizer, String range, double sqnrDb, Double consumerError) {
    }

    /**
     * Calibrates.
     *
     * @param model   canonical float model
     * @param samples calibration data; run only when a setting tries quantizers on it
     * @param batch   samples run at once
     * @throws BadInput when a tensor to quantize was not profiled
     */
    public static Result calibrate(Graph model, Profile profile, Samples samples, CalibrateSettings settings, int batch,
                                   Provider provider, Progress progress) {
        return calibrate(model, profile, samples, settings, batch, provider, progress, rewritten -> { });
    }

    /**
     * Calibrates, and hands out the rewritten model as soon as it is final, while quantizers are still being chosen.
     *
     * @param rewritten takes {@link Result#model}, once
     * @throws BadInput when a tensor to quantize was not profiled
     */
    public static Result calibrate(Graph model, Profile profile, Samples samples, CalibrateSettings settings, int batch,
                                   Provider provider, Progress progress, Consumer<Graph> rewritten) {
        var sites = settings.needsSamples() ? SiteSearch.on(model, profile, samples, settings, batch, provider, progress)
            : SiteSearch.without(model, profile, settings);
        var prepared = sites.model();
        rewritten.accept(prepared);
        var placement = Placement.of(prepared, settings.exclude());
        var grids = new HashMap<String, SiteSearch.Chosen>();
        var activations = new ArrayList<QuantizationPlan.Activation>();
        var errors = new ArrayList<SiteError>();
        for (var site : placement.activations().values()) {
            if (sites.profileOf(site.gridOf()).holdsMask()) {
                continue;
            }
            var chosen = grids.containsKey(site.gridOf()) ? grids.get(site.gridOf()) : sites.choose(site);
            grids.put(site.tensor(), chosen);
            activations.add(new QuantizationPlan.Activation(site.tensor(), site.readers(), chosen.quantizer(), chosen.range()));
            errors.add(new SiteError(site.tensor(), chosen.quantizer(), chosen.range(),
                RangeSearch.sqnrDb(sites.profileOf(site.tensor()).histogram(), chosen.quantizer()), chosen.error()));
            progress.report(0.4 + 0.4 * activations.size() / placement.activations().size(), "choosing ranges");
        }
        var weights = new ArrayList<QuantizationPlan.Weight>();
        for (var place : placement.weights()) {
            weights.add(weight(prepared, place, sites, settings, activations));
            progress.report(0.8 + 0.2 * weights.size() / placement.weights().size(), "choosing weight scales");
        }
        return new Result(prepared, new QuantizationPlan(activations, weights), errors);
    }

    private static QuantizationPlan.Weight weight(Graph model, Placement.Weight place, SiteSearch sites, CalibrateSettings settings,
                                                  List<QuantizationPlan.Activation> activations) {
        var tensor = model.initializers().get(place.tensor());
        var node = model.nodes().stream().filter(reader -> reader.name().equals(place.node())).findFirst().orElseThrow();
        int bits = node.is("Gather") ? Math.max(8, settings.weightBits()) : settings.weightBits();
        var importance = Importance.of(node, place.input(), tensor, sites.profiles().get(node.input(1 - place.input())));
        var quantizer = WeightSearch.choose(tensor, bits, place.axis(), 0, importance, settings.weightRange().criterion());
        return new QuantizationPlan.Weight(place.tensor(), place.node(), place.input(), roomForBias(model, node, quantizer, activations));
    }

    /** Widens the scale of nearly dead channels until their bias fits int32 at scale s_x s_w. */
    private static Uniform roomForBias(Graph model, Node node, Uniform quantizer, List<QuantizationPlan.Activation> activations) {
        Optional<Quantizer> input = new QuantizationPlan(activations, List.of()).activationOf(node.input(0), node.name());
        var bias = node.hasInput(2) ? model.initializers().get(node.input(2)) : null;
        if (!node.is("Conv", "Gemm") || bias == null || quantizer.axis() == Uniform.PER_TENSOR || quantizer.block() > 0
            || !(input.orElse(null) instanceof Uniform grid)) {
            return quantizer;
        }
        var b = bias.toFloats();
        var scale = quantizer.scale().clone();
        for (int c = 0; c < scale.length && c < b.length; c++) {
            scale[c] = (float) Math.max(scale[c], Math.abs(b[c]) / (LARGEST_BIAS * grid.scale()[0]));
        }
        return new Uniform(quantizer.bits(), true, quantizer.axis(), scale, quantizer.zeroPoint());
    }
}
