package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.tune.RoundedCandidates;
import dev.quantline.quantize.tune.Tuner;
import dev.quantline.quantize.workflow.FineTunePhase.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The step before training if widths are allocated later: one float model with rounded weights for every width that layers may get.
 * Training starts from that of the base width; the others are passed on. Checkpoints contain all of them.
 *
 * @param base  the model with the weights for the base width
 * @param steps what was done for each width
 * @param files all models, and the steps
 */
record RoundedWidths(int baseBits, Graph base, List<Tuner.Step> steps, Map<String, Path> files) {
    private static final String STEPS = "rounding.json";

    /** Read from the checkpoint if it contains them. */
    static RoundedWidths of(
            Graph model, QuantizationPlan plan, Samples samples, Start start, TuneStep tune, Progress progress)
            throws IOException {
        var recipe = tune.settings().recipe();
        int base = recipe.base().weights();
        var carried = tune.checkpoint().filter(folder -> Files.exists(folder.resolve(STEPS)));
        if (carried.isPresent()) {
            return read(carried.get(), base);
        }
        var byWeights = new TreeMap<>(Map.of(base, plan));
        var candidates = Candidates.of(
                        model, plan, recipe.base(), CalibrationTable.read(start.table()), recipe.widths())
                .plans();
        recipe.widths().forEach(width -> byWeights.putIfAbsent(width.weights(), candidates.get(width)));
        var rounded = RoundedCandidates.of(
                model,
                byWeights,
                samples,
                tune.settings().tuning(),
                tune.resources().batch(),
                tune.resources().provider(),
                progress);
        var files = new TreeMap<String, Path>();
        for (var one : rounded.models().entrySet()) {
            files.putAll(tune.write(one.getValue(), TuneStep.rounded(one.getKey())));
        }
        files.put(STEPS, Files.write(tune.work().resolve(STEPS), Json.bytes(rounded.steps())));
        return new RoundedWidths(base, rounded.models().get(base), rounded.steps(), files);
    }

    private static RoundedWidths read(Path folder, int base) throws IOException {
        var files = new TreeMap<String, Path>();
        try (var all = Files.list(folder)) {
            all.filter(file -> file.getFileName().toString().startsWith("rounded-"))
                    .forEach(file -> files.put(file.getFileName().toString(), file));
        }
        files.put(STEPS, folder.resolve(STEPS));
        return new RoundedWidths(
                base,
                ModelFile.read(folder.resolve(TuneStep.rounded(base))),
                List.of(Json.MAPPER.readValue(files.get(STEPS).toFile(), Tuner.Step[].class)),
                files);
    }

    /** The models of the other widths, which are final. */
    Map<String, Path> others() {
        var others = new TreeMap<>(files);
        others.keySet().removeIf(file -> file.equals(STEPS) || file.startsWith(TuneStep.rounded(baseBits)));
        return others;
    }
}
