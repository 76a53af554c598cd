package dev.quantline.tune;

import dev.quantline.evaluate.Fidelity;
import dev.quantline.evaluate.Metric;
import dev.quantline.onnx.Graph;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import java.util.ArrayList;
import java.util.List;

/** The tuning stage. */
public final class Tuner {
    private Tuner() {
    }

    /** The tuned float model, its plan, and what each method did. */
    public record Result(Graph model, QuantizationPlan plan, List<Step> steps) {
    }

    /**
     * What one method did.
     *
     * @param method      its name
     * @param errorBefore squared error of the quantized model's output on held-out samples, over the output's power
     * @param errorAfter  the same with the method applied
     * @param kept        whether it is in the result: only if the error fell
     */
    public record Step(String method, double errorBefore, double errorAfter, boolean kept) {
    }

    /**
     * Tunes. The last quarter of the samples used is held out and judges; with fewer than four samples all are used for both.
     *
     * @param model canonical float model the plan belongs to
     * @param batch samples run at once
     */
    public static Result tune(Graph model, QuantizationPlan plan, Samples calibration, TuneSettings settings, int batch,
                              Provider provider, Progress progress) {
        int used = Math.min(settings.samples(), calibration.size());
        int train = used < 4 ? used : used - used / 4;
        int heldOut = used < 4 ? 0 : train;
        var steps = new ArrayList<Step>();
        var tuned = model;
        if (settings.bias()) {
            var corrected = BiasCorrection.apply(model, plan, calibration, 0, train, batch, provider, progress.part(0, 0.6));
            double before = error(model, plan.applyTo(model), calibration, heldOut, used, batch, provider, progress.part(0.6, 0.8));
            double after = corrected == model ? before
                : error(model, plan.applyTo(corrected), calibration, heldOut, used, batch, provider, progress.part(0.8, 1));
            steps.add(new Step("bias correction", before, after, after < before));
            tuned = after < before ? corrected : model;
        }
        return new Result(tuned, plan, steps);
    }

    private static double error(Graph reference, Graph quantized, Samples samples, int from, int to, int batch, Provider provider,
                                Progress progress) {
        var fidelity = new Fidelity();
        try (var first = Session.open(reference, provider, Session.Optimization.ALL);
             var second = Session.open(quantized, provider, Session.Optimization.ALL)) {
            samples.forEachBatch(from, to, batch, fed -> {
                fidelity.add(Metric.flatten(fed, first.run(fed.arrays())), Metric.flatten(fed, second.run(fed.arrays())));
                progress.report((double) (fed.first() + fed.size() - from) / (to - from), "checking on held-out samples");
            });
        }
        return fidelity.relativeError();
    }
}
