package dev.quantline.calibrator;

import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.workflow.CalibrateStep;
import dev.quantline.quantize.workflow.DataSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Rewrites the model where that helps, and chooses the quantizers. */
final class CalibrateStage implements SingleItemStage {
    private final Provider provider;

    CalibrateStage(Provider provider) {
        this.provider = provider;
    }

    /** As the recipe states them: what core makes of them does not tell in JSON which case of a criterion it is. */
    private record Settings(
            DataSettings data,
            Recipe.Calibrate calibrate,
            int weightBits,
            int activationBits,
            List<Integer> candidates,
            List<String> exclude,
            int pairLimit) {}

    @Override
    public StageName name() {
        return StageName.CALIBRATE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of(
                "model",
                earlier.file(StageName.PROFILE, "model.onnx"),
                "profile",
                earlier.file(StageName.PROFILE, "profile.json"),
                "calibration",
                earlier.input(StageName.PROFILE, "calibration"));
    }

    @Override
    public Object settings(JobRequest job) {
        var recipe = job.recipe();
        var settings = job.settings();
        return new Settings(
                settings.data(),
                recipe.calibrate(),
                recipe.weightBits(),
                recipe.activationBits(),
                recipe.candidates(),
                recipe.exclude(),
                settings.pairLimit());
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var model = ModelFile.read(context.file("model"));
        var profile = Profile.read(context.file("profile"));
        var files = new TreeMap<String, Path>();
        var result = CalibrateStep.run(
                model,
                profile,
                context.files("calibration"),
                context.job().settings(),
                context.resources(provider),
                context.progress(),
                // The model is large and final long before the plan.
                graph -> files.putAll(context.writeEarly(graph, "model.onnx")));
        files.put("plan.json", context.work().resolve("plan.json"));
        result.plan().write(files.get("plan.json"));
        files.put("calibration.json", context.work().resolve("calibration.json"));
        result.table().write(files.get("calibration.json"));
        var summary = Json.MAPPER
                .createObjectNode()
                .put("activations", result.plan().activations().size())
                .put("weights", result.plan().weights().size());
        return new Outcome.Done(files, summary);
    }
}
