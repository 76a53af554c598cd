package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * What one service does, without events and storage. Every method must give the same for the same arguments on any
 * replica, and may be called again for work that was done before. All throw {@link dev.quantline.onnx.BadInput} when
 * the job cannot be done; it is not retried.
 */
public interface Stage {
    StageName name();

    /** Everything the result depends on besides the settings, by a name of the stage's choice. */
    Map<String, Source> inputs(JobRequest job, Earlier earlier);

    /** The part of the request the result depends on; becomes part of the result's name as JSON. */
    Object settings(JobRequest job);

    /**
     * The items that replicas may share, ordered by their phases; at least one, each at most a minute of work. What the last one leaves is
     * the result of the stage: where there are several, it has a phase of its own and puts together what the others left.
     */
    List<Item> items(StageContext context) throws IOException;

    /** Does one item, or a time slice of it. */
    Outcome run(StageContext context, Item item) throws IOException;
}
