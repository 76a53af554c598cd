package dev.quantline.bench.robustness;

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
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.workflow.ProfileStep;
import java.io.IOException;
import java.util.Map;

/** What the profiler does with a model that nobody has seen yet: native code checks, converts and runs it. */
final class ProfiledModel implements SingleItemStage {
    static final String MODEL = "model";
    static final String DATA = "calibration";

    private final Provider provider;

    ProfiledModel(Provider provider) {
        this.provider = provider;
    }

    @Override
    public StageName name() {
        return StageName.PROFILE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of();
    }

    @Override
    public Object settings(JobRequest job) {
        return Map.of();
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var model = ModelFile.read(context.file(MODEL));
        model.initializers().forEach(Sandbox::refuseCanary);
        var result =
                ProfileStep.run(model, context.files(DATA), context.job().settings(), provider, context.progress());
        result.model().initializers().forEach(Sandbox::refuseCanary);
        return new Outcome.Done(Map.of(), Json.MAPPER.nullNode());
    }
}
