package dev.quantline.pipeline.event;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.Escaped;
import dev.quantline.onnx.runtime.Progress.Learning;
import dev.quantline.pipeline.job.ObjectRef;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** Everything the pipeline publishes. Each is the {@code data} of a CloudEvent whose subject is the job's id. */
public sealed interface Event {
    /** The job it belongs to; the key of its record. */
    String job();

    /**
     * A stage is done and its results are in the store.
     *
     * @param manifest what the stage stored, with the hash of everything it depended on
     * @param results  the stage's files by name, {@code model.onnx} for instance
     * @param summary  a few figures for people
     * @param seconds  where the time went
     */
    record Completed(
            String job,
            StageName stage,
            ObjectRef manifest,
            Map<String, ObjectRef> results,
            JsonNode summary,
            Seconds seconds)
            implements Event {
        public Completed {
            Objects.requireNonNull(stage, "stage");
            Objects.requireNonNull(manifest, "manifest");
        }
    }

    /**
     * How far a stage is.
     *
     * @param percent  of the stage, 0 to 100
     * @param message  what is being done, for people; escaped as {@link Escaped#text} does
     * @param learning a point of a training curve, when something is being trained
     * @param attempt  who is doing it; older versions do not say
     */
    record Progress(
            String job,
            StageName stage,
            double percent,
            String message,
            Optional<Learning> learning,
            Optional<Attempt> attempt)
            implements Event {
        public Progress {
            attempt = attempt == null ? Optional.empty() : attempt;
            learning = learning == null ? Optional.empty() : learning;
            message = message == null ? null : Escaped.text(message);
        }

        /** Where nothing is being trained, by nobody in particular. */
        public Progress(String job, StageName stage, double percent, String message) {
            this(job, stage, percent, message, Optional.empty(), Optional.empty());
        }
    }

    /**
     * One attempt at an item, or at a time slice of a long one.
     *
     * @param replica     the process of a service that makes it, by the name that {@code quantline.replica} gives it; escaped as
     *                    {@link Escaped#text} does
     * @param number      of the attempt, from 1
     * @param sinceMillis when it began by the replica's clock, milliseconds since the epoch
     */
    record Attempt(String replica, int number, long sinceMillis) {
        public Attempt {
            replica = Escaped.text(Objects.requireNonNullElse(replica, "?"));
        }
    }

    /**
     * The job will not continue by itself.
     *
     * @param stage     the stage's verb, {@code submit} for a request that was not taken, {@code cancel} for a job stopped on request
     * @param reason    for people: names the field, tensor or node and says what to do; escaped as {@link Escaped#text} does
     * @param retryable whether submitting the same job again can help
     */
    record Failed(String job, String stage, String reason, boolean retryable) implements Event {
        public Failed {
            reason = reason == null ? null : Escaped.text(reason);
        }
    }

    /** Asks to stop a job: running items stop at their next check, within seconds, and no new ones start. */
    record Cancel(String job) implements Event {}

    /**
     * One item of a stage, to be done by any replica.
     *
     * @param hash  names the stage's results, see {@code jobs/<job>/<stage>/<hash>/}
     * @param item  index of the piece
     * @param slice how many time slices of it are done already
     */
    record Work(String job, StageName stage, String hash, int item, int slice) implements Event {
        public Work {
            Objects.requireNonNull(stage, "stage");
            checkHash(hash);
        }
    }

    /** A piece is stored. */
    record WorkDone(String job, StageName stage, String hash, int item) implements Event {
        public WorkDone {
            Objects.requireNonNull(stage, "stage");
            checkHash(hash);
        }
    }

    /**
     * Where a stage's time went. With one replica {@code compute + store + events = wall}; several replicas compute at the same time,
     * so the first two may add up to more.
     *
     * @param wall    from the event that triggered the stage to its manifest
     * @param compute in the stage's own code, summed over its items
     * @param store   getting inputs, putting results and looking up what is there, summed over its items
     * @param events  time in which no replica worked on this stage: events in transit, or queued behind other jobs
     */
    record Seconds(double wall, double compute, double store, double events) {}

    private static void checkHash(String hash) {
        if (hash == null || !hash.matches("[0-9a-f]{64}")) {
            throw new IllegalArgumentException("not a SHA-256: " + hash);
        }
    }
}
