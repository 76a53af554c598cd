package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.pattern.ActivationKinds;
import dev.quantline.onnx.rewrite.Rewrite;
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
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The calibration stage: rewrites the float model where that makes it easier to quantize, and chooses a quantizer for every
 * quantization point at every candidate width. Weights are symmetric per output channel or block, activations asymmetric
 * per tensor; activations found to contain the constants of an attention mask stay float.
 *
 * <p>{@link #calibrate} does it at once. Machines can share it: one after the other {@link #move} and {@link #choose} for each
 * of the {@link #parts}, then {@link #join}, which gives the same result to the bit.
 */
public final class Calibrator {
    private final Graph model;
    private final Profile profile;
    private final Samples samples;
    private final CalibrateSettings settings;
    private final int batch;
    private final Provider provider;
    private final Placement placement;

    /**
     * Prepares for a model.
     *
     * @param model   canonical float model
     * @param samples calibration data; run only if a setting tries quantizers on it
     * @param batch   number of samples run at once
     */
    public Calibrator(
            Graph model, Profile profile, Samples samples, CalibrateSettings settings, int batch, Provider provider) {
        this.model = model;
        this.profile = profile;
        this.samples = samples;
        this.settings = settings;
        this.batch = batch;
        this.provider = provider;
        placement = Placement.of(model, settings.exclude());
    }

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
        return new Calibrator(model, profile, samples, settings, batch, provider).calibrate(progress, rewritten -> {});
    }

    /**
     * Calibrates, and passes on the rewritten model as soon as it is final, while quantizers are still being chosen.
     *
     * @param rewritten receives {@link Result#model}, once
     * @throws BadInput if a tensor to quantize was not profiled
     */
    public Result calibrate(Progress progress, Consumer<Graph> rewritten) {
        var whole = CalibrationPart.whole(placement);
        try (var measured = measured(whole, progress)) {
            var migration = new ChannelMigration(measured);
            var moves = moves() ? migration.choose(whole, progress.part(0.1, 0.4)) : ChannelMoves.none();
            var moved = migration.apply(moves, whole);
            rewritten.accept(moved.measured().model());
            var table = choose(moved, whole, progress.part(0.4, 1));
            return result(moved.measured().model(), migration.rewrite(moves), table);
        }
    }

    /**
     * The parts that machines can share; one if the work is small or the settings search nothing on samples.
     *
     * @param worth values that the candidates of a part touch at least; usually {@link CalibrationPart#WORTH}
     */
    public List<CalibrationPart> parts(long worth) {
        return settings.needsSamples()
                ? new CalibrationPart.Split(model, placement, profile, settings).parts(worth)
                : List.of(CalibrationPart.whole(placement));
    }

    /** Whether channels may be moved, so that {@link #move} has something to decide. */
    public boolean moves() {
        return settings.needsSamples() && settings.layernorm() != Migration.OFF;
    }

    /**
     * Decides how the channels of a part's activations are moved.
     *
     * @throws BadInput if a tensor to quantize was not profiled
     */
    public ChannelMoves move(CalibrationPart part, Progress progress) {
        try (var measured = measured(part, progress)) {
            return new ChannelMigration(measured).choose(part, progress.part(0.1, 1));
        }
    }

    /**
     * Chooses the quantizers of a part.
     *
     * @param moves     of all parts
     * @param rewritten receives {@link Result#model}, once, while quantizers are still being chosen
     * @throws BadInput if a tensor to quantize was not profiled
     */
    public CalibrationTable choose(
            CalibrationPart part, ChannelMoves moves, Progress progress, Consumer<Graph> rewritten) {
        try (var measured = measured(part, progress)) {
            var moved = new ChannelMigration(measured).apply(moves, part);
            rewritten.accept(moved.measured().model());
            return choose(moved, part, progress.part(0.1, 1));
        }
    }

    /**
     * Puts together what the parts left.
     *
     * @param moves of all parts
     * @param parts tables of all parts
     * @throws IllegalStateException if a place to quantize is in none of them
     */
    public Result join(ChannelMoves moves, List<CalibrationTable> parts) {
        try (var unmeasured = Measurements.without(model, profile, settings)) {
            var migration = new ChannelMigration(unmeasured);
            var nothing = new CalibrationPart(Set.of(), Set.of());
            var prepared = migration.apply(moves, nothing).measured().model();
            return result(
                    prepared, migration.rewrite(moves), joined(Placement.of(prepared, settings.exclude()), parts));
        }
    }

    private static CalibrationTable joined(Placement all, List<CalibrationTable> parts) {
        var activations = new HashMap<String, CalibrationTable.Activation>();
        var weights = new HashMap<List<Object>, CalibrationTable.Weight>();
        for (var part : parts) {
            part.activations().forEach(activation -> activations.put(activation.tensor(), activation));
            part.weights().forEach(weight -> weights.put(List.of(weight.node(), weight.input()), weight));
        }
        return new CalibrationTable(
                all.activations().values().stream()
                        .map(point -> known(activations.get(point.tensor()), point.tensor())
                                .readBy(point.readers()))
                        .toList(),
                all.weights().stream()
                        .map(weight -> known(weights.get(List.of(weight.node(), weight.input())), weight.node()))
                        .toList(),
                List.of());
    }

    private static <T> T known(T found, String name) {
        if (found == null) {
            throw new IllegalStateException("no part chose a quantizer for " + name);
        }
        return found;
    }

    private Measurements measured(CalibrationPart part, Progress progress) {
        return settings.needsSamples()
                ? Measurements.on(model, profile, samples, settings, batch, part, provider, progress)
                : Measurements.without(model, profile, settings);
    }

    private CalibrationTable choose(ChannelMigration.Moved moved, CalibrationPart part, Progress progress) {
        var measured = moved.measured();
        var prepared = measured.model();
        var all = Placement.of(prepared, settings.exclude());
        var own = all.only(
                part.activations().stream()
                        .map(tensor -> moved.names().getOrDefault(tensor, tensor))
                        .collect(Collectors.toSet()),
                part.nodes());
        var activations = activations(measured, own, settings, progress.part(0, 0.67));
        var products = settings.calibrate().weights() == WeightRange.AUTO
                ? InputGram.of(
                        prepared,
                        node -> part.nodes().contains(node.name()),
                        samples,
                        0,
                        Math.min(InputGram.SAMPLES, samples.size()),
                        batch,
                        provider,
                        progress.part(0.67, 0.7))
                : InputGram.none();
        var weights = new WeightCandidates(prepared, measured.profiles(), planned(activations), settings, products)
                .all(own, progress.part(0.7, 1));
        return new CalibrationTable(activations, weights, List.of());
    }

    private Result result(Graph prepared, Rewrite moved, CalibrationTable table) {
        var rewrites = new ArrayList<>(profile.rewrites());
        if (settings.layernorm() != Migration.OFF) {
            rewrites.add(moved);
        }
        return new Result(
                prepared,
                new QuantizationPlan(planned(table.activations()), planned(table.weights(), settings.weightBits())),
                new CalibrationTable(table.activations(), table.weights(), rewrites));
    }

    private List<QuantizationPlan.Activation> planned(List<CalibrationTable.Activation> activations) {
        return activations.stream()
                .flatMap(activation -> activation.candidates().stream()
                        .filter(candidate -> candidate.bits() == settings.activationBits())
                        .map(candidate -> new QuantizationPlan.Activation(
                                activation.tensor(), activation.readers(), candidate.quantizer(), candidate.range())))
                .toList();
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
