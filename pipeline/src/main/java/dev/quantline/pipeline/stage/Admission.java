package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.quantize.settings.Json;
import java.util.Arrays;
import java.util.Optional;
import org.jboss.logging.Logger;

/** Accepts jobs and stops them; part of the first stage's service. */
public final class Admission {
    private static final Logger LOG = Logger.getLogger(Admission.class);
    private final StageDependencies tools;

    public Admission(StageDependencies tools) {
        this.tools = tools;
    }

    /**
     * Stores a request that can be used; one that cannot becomes a failed event.
     *
     * @param idIfAbsent the id of a request that names none; must be the same when the record is delivered again
     * @return the job's id when it may start
     */
    public Optional<String> accept(JsonNode request, String idIfAbsent) {
        try {
            var job = JobReader.read(request, idIfAbsent);
            tools.attempts().run(() -> store(job));
            return Optional.of(job.id());
        } catch (BadInput e) {
            var stated = request.path("id").asText();
            var id = JobRequest.isId(stated) ? stated : idIfAbsent;
            LOG.infof("request %s refused: %s", id, e.getMessage());
            tools.metrics().failed("input");
            tools.sink().publish(new Event.Failed(id, "submit", e.getMessage(), false));
            return Optional.empty();
        }
    }

    /** Stops a job that is not done; does nothing when there is no such job. */
    public void cancel(String job) {
        tools.attempts().run(() -> stop(job));
    }

    private void store(JobRequest job) {
        var content = Json.bytes(job);
        var key = Keys.request(job.id());
        if (!tools.store().create(key, content)
                && !Arrays.equals(tools.store().read(key).orElseThrow(), content)) {
            throw new BadInput("id: '" + job.id() + "' was submitted before with other content; choose another id");
        }
        if (tools.store().exists(Keys.cancelled(job.id()))) {
            throw new BadInput("id: '" + job.id() + "' was cancelled; choose another id");
        }
    }

    private void stop(String job) {
        var known = tools.store().exists(Keys.request(job));
        var delivered = Keys.delivered(job, StageName.EXPORT.verb(), "report.json");
        if (known && !tools.store().exists(delivered)) {
            tools.store().create(Keys.cancelled(job), Json.bytes(new Event.Cancel(job)));
            tools.sink().publish(new Event.Failed(job, "cancel", "stopped on request", false));
        }
    }
}
