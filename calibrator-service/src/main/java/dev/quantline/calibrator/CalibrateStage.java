package dev.quantline.calibrator;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.Calibrator;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.Json;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.profile.Profile;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;

/** Chooses the quantizers from the profile. The model passes through as it is. */
final class CalibrateStage implements SingleItemStage {
    private record Settings(String range, int weightBits, int activationBits, List<String> exclude) {
    }

    @Override
    public StageName name() {
        return StageName.CALIBRATE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("model", earlier.file(StageName.PROFILE, "model.onnx"),
                "profile", earlier.file(StageName.PROFILE, "profile.json"));
    }

    @Override
    public Object settings(JobRequest job) {
        var recipe = job.recipe();
        return new Settings(recipe.calibrate().range(), recipe.weightBits(), recipe.activationBits(), recipe.exclude());
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var recipe = context.job().recipe();
        var settings = new CalibrateSettings(RangeCriterion.parse(recipe.calibrate().range()), recipe.weightBits(),
                recipe.activationBits(), recipe.exclude());
        context.progress().report(0, "choosing ranges");
        var result = Calibrator.calibrate(ModelFile.read(context.file("model")), Profile.read(context.file("profile")),
                settings);
        var plan = context.work().resolve("plan.json");
        result.plan().write(plan);
        var calibration = Files.write(context.work().resolve("calibration.json"), Json.bytes(result.errors()));
        var summary = Json.MAPPER.createObjectNode().put("activations", result.plan().activations().size())
                .put("weights", result.plan().weights().size());
        return new Outcome.Done(Map.of("model.onnx", context.file("model"), "plan.json", plan,
                "calibration.json", calibration), summary);
    }
}
