package dev.quantline.pipeline.stage;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.StoreUnavailable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import org.jboss.logging.Logger;
import org.jboss.logging.MDC;

/**
 * The three kinds of failure. Unusable input becomes an event and is remembered by the result's hash, so that it is not tried again.
 * Failures of the environment and our own bugs become an event and are rethrown: the caller puts the record aside, and submitting the
 * job again resumes where it stopped.
 */
final class Failures {
    private static final Logger LOG = Logger.getLogger(Failures.class);

    private final StageName stage;
    private final StageRecords records;
    private final StageDependencies tools;

    Failures(StageName stage, StageRecords records, StageDependencies tools) {
        this.stage = stage;
        this.records = records;
        this.tools = tools;
    }

    /** The handling of one event. */
    interface Handling {
        void run() throws IOException;
    }

    /** The remembered failure of a result that will fail again. */
    Optional<Event.Failed> known(String job, String hash) {
        return records.failure(job)
                .filter(failure -> failure.hash().equals(Optional.of(hash)))
                .map(StageRecords.Failure::event)
                .filter(event -> !event.retryable());
    }

    /** @param hash of the result being worked on, when it is known already */
    void guard(String job, Optional<String> hash, Handling handling) {
        MDC.put("job", job);
        MDC.put("stage", stage.verb());
        try {
            tools.activity()
                    .during(
                            stage.verb() + " of " + job,
                            () -> tools.attempts().run(() -> {
                                try {
                                    handling.run();
                                } catch (IOException e) {
                                    throw new UncheckedIOException(e);
                                }
                            }));
        } catch (StrayRecord e) {
            tools.metrics().failed("record");
            throw e;
        } catch (OverLimit e) {
            LOG.infof("the job takes too much: %s", e.getMessage());
            tools.metrics().failed("limit");
            say(new Event.Failed(job, stage.verb(), e.getMessage(), true), hash);
        } catch (BadInput e) {
            LOG.infof("the job cannot be done: %s", e.getMessage());
            tools.metrics().failed("input");
            say(new Event.Failed(job, stage.verb(), e.getMessage(), false), hash);
        } catch (CancellationException e) {
            LOG.info(e.getMessage());
        } catch (RuntimeException | Error e) {
            if (Interruption.caused(e)) {
                LOG.info("the service is stopping: the work resumes when it or another replica runs again");
            } else if (e instanceof StoreUnavailable
                    || e instanceof BrokerUnavailable
                    || e instanceof UncheckedIOException) {
                tools.metrics().failed("world");
                sayAlso(e, new Event.Failed(job, stage.verb(), e.getMessage(), true), hash);
            } else {
                tools.metrics().failed("bug");
                sayAlso(
                        e,
                        new Event.Failed(job, stage.verb(), "internal error, please report it: " + e, false),
                        Optional.empty());
            }
            throw e;
        } finally {
            MDC.remove("job");
            MDC.remove("stage");
        }
    }

    /** Where the store is what is missing, the failure is told, though nobody will remember it. */
    private void say(Event.Failed failed, Optional<String> hash) {
        try {
            tools.attempts().run(() -> sayAndRemember(failed, hash));
        } catch (StoreUnavailable away) {
            LOG.warnf("told, but not stored: %s: %s", failed.reason(), away.getMessage());
            tools.attempts().run(() -> tools.sink().publish(failed));
        }
    }

    /** A job whose results are there cannot fail any more, whatever somebody sends. */
    private void sayAndRemember(Event.Failed failed, Optional<String> hash) {
        if (records.delivered(failed.job())) {
            LOG.warnf("%s is done, and this no failure of it: %s", failed.job(), failed.reason());
            return;
        }
        records.remember(new StageRecords.Failure(failed, hash));
        tools.sink().publish(failed);
        records.ended(failed.job());
    }

    private void sayAlso(Throwable cause, Event.Failed failed, Optional<String> hash) {
        try {
            say(failed, hash);
        } catch (RuntimeException alsoBroken) {
            cause.addSuppressed(alsoBroken);
        }
    }
}
