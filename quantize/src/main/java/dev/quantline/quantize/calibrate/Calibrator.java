package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.pattern.ActivationKinds;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.WeightRange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The calibration stage: rewrites the float model where that makes it easier to quantize, and chooses a quantizer for every
 * quantization point at every candidate width. Weights are symmetric per output channel or block, activations asymmetric
 * per tensor; activations found to contain the constants of an attention mask stay float.
 */
public final class Calibrator {
    private Calibrator() {}

    /** The float model to quantize, the plan at the requested widths, and the table of all candidates. */
    public record Result(Graph model, QuantizationPlan plan, CalibrationTable table) {}

    /**
     * Calibrates.
     *
     * @param model   canonical float model
     * @param samples calibration data; run only if a setting tries quantizers on it
     * @param batch   number of samples run at once
     * @throws BadInput if a tensor to quantize was not profiled
     */
    public static Result calibrate(
            Graph model,
            Profile profile,
            Samples samples,
            CalibrateSettings settings,
            int batch,
            Provider provider,
            Progress progress) {
        return calibrate(model, profile, samples, settings, batch, provider, progress, rewritten -> {});
    }

    /**
     * Calibrates, and passes on the rewritten model as soon as it is final, while quantizers are still being chosen.
     *
     * @param rewritten receives {@link Result#model}, once
     * @throws BadInput if a tensor to quantize was not profiled
     */
    public static Result calibrate(
            Graph model,
            Profile profile,
            Samples samples,
            CalibrateSettings settings,
            int batch,
            Provider provider,
            Progress progress,
            Consumer<Graph> rewritten) {
        try (var measured = settings.needsSamples()
                ? Measurements.on(model, profile, samples, settings, batch, provider, progress)
                : Measurements.without(model, profile, settings)) {
            return calibrate(measured, profile, samples, settings, batch, provider, progress, rewritten);
        }
    }

    private static Result calibrate(
            Measurements given,
            Profile profile,
            Samples samples,
            CalibrateSettings settings,
            int batch,
            Provider provider,
            Progress progress,
            Consumer<Graph> rewritten) {
        var migration = new ChannelMigration(given);
        boolean migrates = settings.layernorm() != Migration.OFF;
        var measured = migrates && given.captured().isPresent() ? migration.apply(progress.part(0.1, 0.4)) : given;
        var prepared = measured.model();
        rewritten.accept(prepared);
        var placement = Placement.of(prepared, settings.exclude());
        var activations = activations(measured, placement, settings, progress.part(0.4, 0.8));
        var planned = new ArrayList<QuantizationPlan.Activation>();
        for (var activation : activations) {
            activation.candidates().stream()
                    .filter(candidate -> candidate.bits() == settings.activationBits())
                    .forEach(candidate -> planned.add(new QuantizationPlan.Activation(
                            activation.tensor(), activation.readers(), candidate.quantizer(), candidate.range())));
        }
        var products = settings.calibrate().weights() == WeightRange.AUTO
                ? InputGram.of(
                        prepared,
                        samples,
                        0,
                        Math.min(InputGram.SAMPLES, samples.size()),
                        batch,
                        provider,
                        progress.part(0.8, 0.82))
                : InputGram.none();
        var weights = new WeightCandidates(prepared, measured.profiles(), planned, settings, products)
                .all(placement, progress.part(0.82, 1));
        var rewrites = new ArrayList<>(profile.rewrites());
        if (migrates) {
            rewrites.add(migration.rewrite());
        }
        return new Result(
                prepared,
                new QuantizationPlan(planned, planned(weights, settings.weightBits())),
                new CalibrationTable(activations, weights, rewrites));
    }

    private static List<QuantizationPlan.Weight> planned(List<CalibrationTable.Weight> weights, int bits) {
        return weights.stream()
                .map(weight -> weight.with(weight.candidates().stream()
                        .filter(scales -> scales.bits() >= bits)
                        .findFirst()
                        .orElseThrow()
                        .quantizer()))
                .toList();
    }

    private static List<CalibrationTable.Activation> activations(
            Measurements measured, Placement placement, CalibrateSettings settings, Progress progress) {
        var kinds = new ActivationKinds(measured.model().index());
        var search = new ActivationQuantizerSearch(measured);
        var quantizers = new HashMap<String, Map<Integer, ActivationQuantizerSearch.Chosen>>();
        var found = new ArrayList<CalibrationTable.Activation>();
        for (var point : placement.activations().values()) {
            String kind = kinds.kindOf(point.tensor()).label();
            String left = !settings.quantizesActivations()
                    ? "activations stay float"
                    : measured.profileOf(point.gridOf()).holdsMask()
                            ? "it contains the constants of an attention mask"
                            : null;
            var candidates = new ArrayList<CalibrationTable.ActivationCandidate>();
            if (left == null) {
                var chosen = quantizers.containsKey(point.gridOf())
                        ? quantizers.get(point.gridOf())
                        : search.choose(point, settings.widths(settings.activationBits()));
                quantizers.put(point.tensor(), chosen);
                chosen.forEach((bits, choice) -> candidates.add(new CalibrationTable.ActivationCandidate(
                        bits,
                        choice.quantizer(),
                        choice.range(),
                        sqnrDb(measured, point.tensor(), choice.quantizer()),
                        choice.error())));
            }
            found.add(new CalibrationTable.Activation(
                    point.tensor(),
                    kind,
                    point.readers(),
                    point.gridOf(),
                    ProfileSummary.of(measured.profileOf(point.tensor())),
                    left,
                    candidates));
            progress.report((double) found.size() / placement.activations().size(), "choosing ranges");
        }
        return found;
    }

    private static double sqnrDb(Measurements measured, String tensor, Quantizer quantizer) {
        return RangeSearch.sqnrDb(measured.profileOf(tensor).histogram(), quantizer);
    }
}
