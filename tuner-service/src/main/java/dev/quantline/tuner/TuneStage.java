package dev.quantline.tuner;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.Json;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.plan.QuantizationPlan;
import dev.quantline.runtime.Provider;
import dev.quantline.tune.TuneSettings;
import dev.quantline.tune.Tuner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Tunes the float model for its plan; what did not change passes through. */
final class TuneStage implements SingleItemStage {
    private static final int BATCH = 16;
    private final Provider provider;

    TuneStage(Provider provider) {
        this.provider = provider;
    }

    private record Settings(TuneSettings tune, Map<String, JobRequest.Normalize> normalize) {
    }

    @Override
    public StageName name() {
        return StageName.TUNE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("model", earlier.file(StageName.CALIBRATE, "model.onnx"),
                "plan", earlier.file(StageName.CALIBRATE, "plan.json"),
                "calibration", earlier.input(StageName.PROFILE, "calibration"));
    }

    @Override
    public Object settings(JobRequest job) {
        return new Settings(tuneSettings(job), job.normalize());
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        context.progress().report(0, "reading the model");
        var model = ModelFile.read(context.file("model"));
        var plan = QuantizationPlan.read(context.file("plan"));
        try (var data = JobData.open(context, "calibration")) {
            var result = Tuner.tune(model, plan, JobData.bind(data, model, context.job()), tuneSettings(context.job()),
                    BATCH, provider, context.progress());
            var steps = Files.write(context.work().resolve("tuning.json"), Json.bytes(result.steps()));
            var summary = Json.MAPPER.createObjectNode().set("steps", Json.tree(result.steps()));
            return new Outcome.Done(Map.of(
                    "model.onnx", result.model() == model ? context.file("model") : write(result.model(), context),
                    "plan.json", result.plan() == plan ? context.file("plan") : write(result.plan(), context),
                    "tuning.json", steps), summary);
        }
    }

    private static TuneSettings tuneSettings(JobRequest job) {
        return new TuneSettings(job.recipe().tune().bias(), TuneSettings.int8().samples());
    }

    private static Path write(Graph model, StageContext context) throws IOException {
        var file = context.work().resolve("model.onnx");
        ModelFile.write(model, file);
        return file;
    }

    private static Path write(QuantizationPlan plan, StageContext context) throws IOException {
        var file = context.work().resolve("plan.json");
        plan.write(file);
        return file;
    }
}
