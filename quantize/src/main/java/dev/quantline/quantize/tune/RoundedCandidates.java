package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Tuner.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Weights for every width that allocation may choose: each layer is rounded on its float inputs and its bias corrected, so
 * that layers of different widths can be combined without tuning again. For each width, either change is kept only if it
 * brings the held-out outputs closer in the network that uses that width throughout.
 */
public final class RoundedCandidates {
    private final Graph model;
    private final Samples samples;
    private final TuneSettings settings;
    private final int batch;
    private final Provider provider;
    private final Split split;
    private final HeldOutError heldOut;
    private final List<Step> steps = new ArrayList<>();

    private RoundedCandidates(Graph model, Samples samples, TuneSettings settings, int batch, Provider provider) {
        this.model = model;
        this.samples = samples;
        this.settings = settings;
        this.batch = batch;
        this.provider = provider;
        split = Split.of(Math.min(settings.tune().samples(), samples.size()));
        heldOut = new HeldOutError(model, samples, split, false, batch, provider);
    }

    /**
     * The rounded models and how they were made.
     *
     * @param models by width of weights: the float model with the weights and biases for that width
     * @param steps  what was done for each width and whether it was kept
     */
    public record Result(Map<Integer, Graph> models, List<Step> steps) {}

    /**
     * Rounds for every width.
     *
     * @param plans    by width of weights: the plan in which all weights have that width
     * @param settings how weights are rounded, whether biases are corrected, and on how many samples
     * @param batch    number of samples run at once
     */
    public static Result of(
            Graph model,
            Map<Integer, QuantizationPlan> plans,
            Samples samples,
            TuneSettings settings,
            int batch,
            Provider provider,
            Progress progress) {
        var candidates = new RoundedCandidates(model, samples, settings, batch, provider);
        return new Result(candidates.round(plans, progress), List.copyOf(candidates.steps));
    }

    private Map<Integer, Graph> round(Map<Integer, QuantizationPlan> plans, Progress progress) {
        boolean compensated = settings.tune().rounding() == Rounding.COMPENSATED;
        var products = compensated
                ? InputGram.of(model, samples, 0, split.train(), batch, provider, progress.part(0, 0.3))
                : InputGram.none();
        var rounded = new TreeMap<Integer, Graph>();
        new TreeMap<>(plans).forEach((bits, plan) -> {
            var part = progress.part(
                    0.3 + 0.7 * rounded.size() / plans.size(), 0.3 + 0.7 * (rounded.size() + 1) / plans.size());
            String name = "weights of " + bits + " bits";
            var state = new State(model, plan);
            if (compensated) {
                var weights = Gptq.apply(model, plan, products, part.part(0, 0.4));
                state = better("compensated rounding", name, state, new State(weights, plan), part.part(0.4, 0.6));
            }
            if (settings.tune().bias()) {
                var biases = BiasCorrection.apply(
                        model, state.model(), plan, samples, 0, split.train(), batch, provider, part.part(0.6, 0.8));
                state = better("bias correction", name, state, new State(biases, plan), part.part(0.8, 1));
            }
            rounded.put(bits, state.model());
        });
        return rounded;
    }

    private State better(String method, String name, State state, State next, Progress progress) {
        double before = heldOut.error(state, progress.part(0, 0.5));
        double after = heldOut.error(next, progress.part(0.5, 1));
        steps.add(new Step(method, name, before, after, after < before, List.of()));
        return after < before ? next : state;
    }
}
