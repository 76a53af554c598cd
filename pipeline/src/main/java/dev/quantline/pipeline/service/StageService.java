package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.Unreadable;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Admission;
import dev.quantline.pipeline.stage.JobLimit;
import dev.quantline.pipeline.stage.StageShell;
import dev.quantline.quantize.settings.Hashes;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * A stage behind its Kafka records. A method that returns has handled its record; one that throws leaves it to the dead-letter topic.
 * Work of other stages is skipped; only the first stage puts unreadable records aside.
 */
public final class StageService {
    private static final int ID_DIGITS = 12;
    private final StageShell shell;
    private final Admission admission;

    StageService(StageShell shell, Admission admission) {
        this.shell = shell;
        this.admission = admission;
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

    /** An item of some stage is to be done. */
    public void work(ConsumerRecord<byte[], byte[]> record) {
        shared(record, Event.Work.class)
                .filter(work -> work.stage() == shell.name())
                .ifPresent(shell::work);
    }

    /** An item of some stage is stored. */
    public void workDone(ConsumerRecord<byte[], byte[]> record) {
        shared(record, Event.WorkDone.class)
                .filter(done -> done.stage() == shell.name())
                .ifPresent(shell::workDone);
    }

    private <E extends Event> Optional<E> shared(ConsumerRecord<byte[], byte[]> record, Class<E> kind) {
        try {
            var event = EventCodec.decode(value(record));
            if (!kind.isInstance(event)) {
                throw new Unreadable("not what " + record.topic() + " carries: " + event);
            }
            return Optional.of(kind.cast(event));
        } catch (Unreadable e) {
            if (shell.name().before().isEmpty()) {
                throw e;
            }
            return Optional.empty();
        }
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
