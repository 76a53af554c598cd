package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.Run;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.QuantizationPlan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.List;

/** The tuning stage. */
public final class Tuner {
    private Tuner() {}

    /** The tuned float model, its plan, and the steps taken. */
    public record Result(Graph model, QuantizationPlan plan, List<Step> steps) {}

    /**
     * One step of tuning.
     *
     * @param method      its name
     * @param part        the layer or block that it worked on, empty for the whole model
     * @param errorBefore distance of the quantized outputs from the float ones on held-out samples, relative to their
     *                    mean power
     * @param errorAfter  the same with the method applied
     * @param kept        whether it is part of the result, which it is only if the error fell
     * @param curve       training loss and held-out loss by step; empty if nothing was trained
     */
    public record Step(
            String method, String part, double errorBefore, double errorAfter, boolean kept, List<Run.Point> curve) {}

    /**
     * Tunes in one go. The last quarter of the samples is held out and decides which steps are kept; with fewer than four
     * samples, all serve both purposes.
     *
     * @param model canonical float model that the plan belongs to
     * @param batch number of samples run at once
     */
    public static Result tune(
            Graph model,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Progress progress) {
        try {
            var folder = Files.createTempDirectory("tuning");
            try (var run = new TuningRun(model, plan, calibration, settings, batch, provider, folder)) {
                run.advance(() -> false, progress);
                return run.result();
            } finally {
                Files.delete(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("tuning needs a temporary folder", e);
        }
    }
}
