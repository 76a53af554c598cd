package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Unreadable;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Admission;
import dev.quantline.pipeline.stage.JobLimit;
import dev.quantline.pipeline.stage.StageShell;
import dev.quantline.quantize.settings.Hashes;
import io.smallrye.reactive.messaging.kafka.KafkaRecord;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * A stage behind its Kafka records. A method that returns has handled its record; one that throws leaves it to the dead-letter topic.
 */
public final class StageService {
    private static final int ID_DIGITS = 12;
    private final StageShell shell;
    private final Admission admission;

    private final WorkQueue queue;

    StageService(StageShell shell, Admission admission, WorkQueue queue) {
        this.shell = shell;
        this.admission = admission;
        this.queue = queue;
    }

    /** A job request: of the first stage only. */
    public void job(ConsumerRecord<byte[], byte[]> record) {
        var request = EventCodec.jobRequest(value(record));
        admission
                .accept(request, idFor(record))
                .ifPresent(job -> shell.start(job, Optional.empty(), record.timestamp()));
    }

    /** A job is to be stopped: of the first stage only. The record's key names it. */
    public void cancel(ConsumerRecord<byte[], byte[]> record) {
        admission.cancel(key(record)
                .filter(JobRequest::isId)
                .orElseThrow(() -> new Unreadable("the record's key must be the id of the job to stop")));
    }

    /** The stage before is done. */
    public void previous(ConsumerRecord<byte[], byte[]> record) {
        if (EventCodec.decode(value(record)) instanceof Event.Completed completed
                && shell.name().before().equals(Optional.of(completed.stage()))) {
            shell.start(completed, record.timestamp());
        } else {
            throw new Unreadable(
                    "not the completion of the stage before " + shell.name().verb());
        }
    }

    /** An item of this stage is to be done, as soon as it is its job's turn. The message is acknowledged when it is done. */
    public CompletionStage<Void> queued(KafkaRecord<byte[], byte[]> item) {
        queue.add(item, this::work);
        return CompletableFuture.completedStage(null);
    }

    private void work(ConsumerRecord<byte[], byte[]> record) {
        shell.work(own(record, Event.Work.class, Event.Work::stage));
    }

    /** An item of this stage is stored. */
    public void workDone(ConsumerRecord<byte[], byte[]> record) {
        shell.workDone(own(record, Event.WorkDone.class, Event.WorkDone::stage));
    }

    private <E extends Event> E own(
            ConsumerRecord<byte[], byte[]> record, Class<E> kind, Function<E, StageName> stage) {
        var event = EventCodec.decode(value(record));
        if (!kind.isInstance(event) || stage.apply(kind.cast(event)) != shell.name()) {
            throw new Unreadable("not what " + record.topic() + " carries: " + event);
        }
        return kind.cast(event);
    }

    /** The key, or else a name that a second delivery of the record gets as well. */
    private static String idFor(ConsumerRecord<byte[], byte[]> record) {
        var place = record.topic() + "/" + record.partition() + "/" + record.offset() + "/" + record.timestamp();
        return key(record)
                .filter(JobRequest::isId)
                .orElseGet(() -> "job-"
                        + Hashes.of(place.getBytes(StandardCharsets.UTF_8)).substring(0, ID_DIGITS));
    }

    private static Optional<String> key(ConsumerRecord<byte[], byte[]> record) {
        return Optional.ofNullable(record.key()).map(key -> new String(key, StandardCharsets.UTF_8));
    }

    private static byte[] value(ConsumerRecord<byte[], byte[]> record) {
        if (record.value() == null) {
            throw new Unreadable("the record has no value");
        }
        if (record.value().length > JobLimit.EVENT_BYTES.value()) {
            throw new Unreadable(
                    "the record has %d bytes: %s".formatted(record.value().length, JobLimit.EVENT_BYTES.words()));
        }
        return record.value();
    }
}
