package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
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
    private final StageRecords records;

    public Admission(StageDependencies tools) {
        this.tools = tools;
        this.records = new StageRecords(tools.store());
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
            return refuse(request, idIfAbsent, e, false);
        } catch (OverLimit e) {
            return refuse(request, idIfAbsent, e, true);
        }
    }

    private Optional<String> refuse(JsonNode request, String idIfAbsent, RuntimeException reason, boolean retryable) {
        var stated = request.path("id").asText();
        var id = JobRequest.isId(stated) ? stated : idIfAbsent;
        LOG.infof("request %s refused: %s", id, reason.getMessage());
        tools.metrics().failed(retryable ? "limit" : "input");
        tools.attempts()
                .run(() -> tools.sink().publish(new Event.Failed(id, "submit", reason.getMessage(), retryable)));
        return Optional.empty();
    }

    /** Stops a job that is not done. One that is not there yet will be refused when it comes: topics have no common order. */
    public void cancel(String job) {
        tools.attempts().run(() -> stop(job));
    }

    private void store(JobRequest job) {
        refuseOtherBuckets(job);
        var content = Json.bytes(job);
        var key = Keys.request(job.id());
        if (!tools.store().exists(key)) {
            refuseTooMany();
        }
        if (!tools.store().create(key, content)
                && !Arrays.equals(tools.store().read(key).orElseThrow(), content)) {
            throw new BadInput("id: '" + job.id() + "' was submitted before with other content; choose another id");
        }
        if (tools.store().exists(Keys.cancelled(job.id()))) {
            throw new BadInput("id: '" + job.id() + "' was cancelled; choose another id");
        }
        if (!records.delivered(job.id())) {
            tools.store().write(Keys.waiting(job.id()), new byte[0]);
        }
    }

    private void refuseOtherBuckets(JobRequest job) {
        job.references().forEach((field, ref) -> {
            if (!tools.store().mayRead(ref)) {
                throw new BadInput(field + ": bucket '" + ref.bucket() + "' is not among those that jobs may read; use "
                        + tools.store().ref("...") + ", or name it in quantline.store.other-buckets");
            }
        });
    }

    private void refuseTooMany() {
        int waiting = tools.store().list(Keys.WAITING).size();
        if (waiting >= JobLimit.JOBS_WAITING.value()) {
            throw new OverLimit(waiting + " jobs wait already; submit again when some are done", JobLimit.JOBS_WAITING);
        }
    }

    private void stop(String job) {
        if (!records.delivered(job)) {
            tools.store().create(Keys.cancelled(job), Json.bytes(new Event.Cancel(job)));
            records.ended(job);
            tools.sink().publish(new Event.Failed(job, "cancel", "stopped on request", false));
        }
    }
}
