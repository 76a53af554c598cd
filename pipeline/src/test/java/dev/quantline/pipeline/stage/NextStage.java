package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import java.util.Map;

/** A stage after {@link SumStage}, which is only planned. */
final class NextStage implements SingleItemStage {
    @Override
    public StageName name() {
        return StageName.CALIBRATE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("number", earlier.file(StageName.PROFILE, "number"));
    }

    @Override
    public Object settings(JobRequest job) {
        return true;
    }

    @Override
    public Outcome run(StageContext context, Item item) {
        throw new IllegalStateException("it is not run");
    }
}
