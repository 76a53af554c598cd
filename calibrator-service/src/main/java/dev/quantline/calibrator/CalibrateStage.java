package dev.quantline.calibrator;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.CalibrateSettings.Migration;
import dev.quantline.calibrate.CalibrateSettings.SoftmaxQuantizer;
import dev.quantline.calibrate.CalibrateSettings.WeightRange;
import dev.quantline.calibrate.Calibrator;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.Json;
import dev.quantline.pipeline.job.Recipe;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.profile.Profile;
import dev.quantline.runtime.Provider;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;

/** Rewrites the model where that helps, and chooses the quantizers. */
final class CalibrateStage implements SingleItemStage {
    private static final int BATCH = 16;
    private final Provider provider;

    CalibrateStage(Provider provider) {
        this.provider = provider;
    }

    private record Settings(Map<String, JobRequest.Normalize> normalize, CalibrateSettings calibrate) {
    }

    @Override
    public StageName name() {
        return StageName.CALIBRATE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("model", earlier.file(StageName.PROFILE, "model.onnx"),
                "profile", earlier.file(StageName.PROFILE, "profile.json"),
                "calibration", earlier.input(StageName.PROFILE, "calibration"));
    }

    @Override
    public Object settings(JobRequest job) {
        return new Settings(job.normalize(), settings(job.recipe()));
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var model = ModelFile.read(context.file("model"));
        var profile = Profile.read(context.file("profile"));
        Calibrator.Result result;
        try (var data = JobData.open(context, "calibration")) {
            result = Calibrator.calibrate(model, profile, JobData.bind(data, model, context.job()),
                    settings(context.job().recipe()), BATCH, provider, context.progress());
        }
        var plan = context.work().resolve("plan.json");
        result.plan().write(plan);
        var rewritten = context.work().resolve("model.onnx");
        ModelFile.write(result.model(), rewritten);
        var calibration = Files.write(context.work().resolve("calibration.json"), Json.bytes(result.errors()));
        var summary = Json.MAPPER.createObjectNode().put("activations", result.plan().activations().size())
                .put("weights", result.plan().weights().size());
        return new Outcome.Done(Map.of("model.onnx", rewritten, "plan.json", plan, "calibration.json", calibration), summary);
    }

    private static CalibrateSettings settings(Recipe recipe) {
        var calibrate = recipe.calibrate();
        return new CalibrateSettings(RangeCriterion.parse(calibrate.range()),
                CalibrateSettings.parse(WeightRange.class, "recipe.calibrate.weights", calibrate.weights()),
                CalibrateSettings.parse(SoftmaxQuantizer.class, "recipe.calibrate.softmax", calibrate.softmax()),
                CalibrateSettings.parse(Migration.class, "recipe.calibrate.layernorm", calibrate.layernorm()),
                recipe.weightBits(), recipe.activationBits(), recipe.exclude(), CalibrateSettings.SAMPLES);
    }
}
