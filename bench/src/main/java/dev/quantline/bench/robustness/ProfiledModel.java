package dev.quantline.bench.robustness;

import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.workflow.ProfileStep;
import java.io.IOException;
import java.util.Map;

/** What the profiler does with a model that nobody has seen yet: native code checks, converts and runs it. */
final class ProfiledModel extends BareStage {
    static final String MODEL = "model";
    static final String DATA = "calibration";

    private final Provider provider;

    ProfiledModel(Provider provider) {
        this.provider = provider;
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
