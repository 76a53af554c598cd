package dev.quantline.bench.robustness;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.SingleItemStage;
import dev.quantline.pipeline.stage.Source;
import java.util.Map;

/** A stage of one item that is run directly, so that nobody asks what it depends on. */
abstract class BareStage implements SingleItemStage {
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
}
