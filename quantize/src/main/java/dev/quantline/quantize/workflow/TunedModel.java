package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.FloatModels;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * A network ready for export.
 *
 * @param model      float model with the weights for the recipe's base width
 * @param plan       the plan that belongs to it
 * @param table      result of the calibration that the plan came from
 * @param steps      the steps of tuning
 * @param calibrated the float model before tuning; empty if fine-tuning did not change it and widths are not allocated
 * @param rounded    float models with the weights for the other widths that layers may get, by bits
 */
public record TunedModel(
        Graph model,
        QuantizationPlan plan,
        CalibrationTable table,
        List<Report.Step> steps,
        Optional<Graph> calibrated,
        Map<Integer, Graph> rounded) {
    /**
     * Reads the result of tuning.
     *
     * @param files by their names in {@link TuneStep}; {@code calibration.json} and {@code calibrated.onnx} come from
     *              calibration if tuning did not write them
     */
    public static TunedModel read(Function<String, Optional<Path>> files, Recipe recipe) throws IOException {
        var rounded = new TreeMap<Integer, Graph>();
        for (int bits : recipe.otherWidths()) {
            rounded.put(bits, ModelFile.read(files.apply(TuneStep.rounded(bits)).orElseThrow()));
        }
        var calibrated = files.apply(TuneStep.CALIBRATED);
        return new TunedModel(
                ModelFile.read(files.apply(TuneStep.MODEL).orElseThrow()),
                QuantizationPlan.read(files.apply(TuneStep.PLAN).orElseThrow()),
                CalibrationTable.read(files.apply(TuneStep.TABLE).orElseThrow()),
                List.of(Json.MAPPER.readValue(
                        files.apply(TuneStep.STEPS).orElseThrow().toFile(), Report.Step[].class)),
                calibrated.isPresent() ? Optional.of(ModelFile.read(calibrated.get())) : Optional.empty(),
                rounded);
    }

    /** One plan for each width that layers may get. */
    public Candidates candidates(Recipe recipe) {
        return Candidates.of(model, plan, recipe.base(), table, recipe.widths());
    }

    /** The float model with the weights for each width. */
    public FloatModels models(Recipe recipe) {
        var byWeights = new TreeMap<>(rounded);
        byWeights.put(recipe.base().weights(), model);
        return new FloatModels(calibrated.orElseThrow(), recipe.base(), byWeights);
    }

    /** Whether fine-tuning was kept, so that the model depends on it. */
    public boolean isFineTuned() {
        return steps.stream().anyMatch(step -> step.method().equals(FineTunePhase.METHOD) && step.kept());
    }
}
