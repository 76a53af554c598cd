package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Brings a model into canonical form and profiles it, one range of samples at a time. */
public final class ProfileStep {
    private static final int SAMPLES = 256;

    private ProfileStep() {}

    /** A range of samples; {@code to} is exclusive. */
    public record Range(int from, int to) {}

    /**
     * The result of profiling.
     *
     * @param model  canonical float model
     * @param unused data and data settings without effect, for the report
     */
    public record Result(Graph model, Profile profile, List<String> unused) {}

    /** The ranges in which the samples of a model are profiled; they affect the result. */
    public static List<Range> ranges(Graph original, List<Path> calibration, DataSettings settings) throws IOException {
        try (var data = settings.dataset(calibration, original)) {
            var ranges = new ArrayList<Range>();
            for (int from = 0; from < data.size(); from += SAMPLES) {
                ranges.add(new Range(from, Math.min(data.size(), from + SAMPLES)));
            }
            return ranges;
        }
    }

    /**
     * Profiles one range.
     *
     * @param prepared receives {@link Result#model} once, before anything is run
     */
    public static Result run(
            Graph original,
            List<Path> calibration,
            Range range,
            QuantizationSettings settings,
            Provider provider,
            Progress progress,
            Consumer<Graph> prepared)
            throws IOException {
        var recipe = settings.recipe();
        var canonical = PreparedModel.of(original, recipe.calibrate().equalize());
        var model = canonical.graph();
        Placement.checkExcluded(recipe.exclude(), List.of(original, model));
        prepared.accept(model);
        try (var samples = settings.data().open(calibration, model)) {
            var profile = Profiler.observe(
                    model,
                    samples,
                    range.from(),
                    range.to(),
                    Resources.MOST,
                    recipe.exclude(),
                    recipe.calibrate().padding(),
                    provider,
                    progress);
            return new Result(model, profile.withRewrites(canonical.rewrites()), samples.unused());
        }
    }

    /** Profiles all ranges and merges the results. */
    public static Result run(
            Graph original, List<Path> calibration, QuantizationSettings settings, Provider provider, Progress progress)
            throws IOException {
        var ranges = ranges(original, calibration, settings.data());
        var results = new ArrayList<Result>();
        for (var range : ranges) {
            double done = results.size();
            var part = progress.part(done / ranges.size(), (done + 1) / ranges.size());
            results.add(run(original, calibration, range, settings, provider, part, _ -> {}));
        }
        var first = results.getFirst();
        return new Result(
                first.model(),
                Profile.merge(results.stream().map(Result::profile).toList()),
                first.unused());
    }
}
