package dev.quantline.exporter;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.event.Unreadable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

import static org.junit.jupiter.api.Assertions.fail;

/** What the pipeline says, read by a thread of its own as soon as it is said. Thread-safe. */
final class Events implements AutoCloseable {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final Duration POLL = Duration.ofMillis(100);

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final List<Event> seen = new ArrayList<>();
    private final Thread reader = Thread.ofPlatform().daemon().unstarted(this::read);
    private volatile boolean closed;

    /** The topics exist already. In no group, so that nothing is agreed on before events arrive. */
    Events(String broker) {
        consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", broker, "auto.offset.reset", "earliest", "fetch.max.wait.ms", "50"),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
        consumer.assign(Stream.concat(
                        Stream.of(TOPICS.progress(), TOPICS.failed()),
                        Stream.of(StageName.values()).map(TOPICS::completed))
                .flatMap(topic -> consumer.partitionsFor(topic).stream())
                .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                .toList());
        reader.start();
    }

    /** How many there are, so that later ones can be waited for. */
    synchronized int count() {
        return seen.size();
    }

    /** The first of a kind that came after so many. */
    synchronized <E extends Event> E await(int after, Class<E> kind, Predicate<E> wanted, String what) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        try {
            for (long left = PATIENCE.toNanos(); left > 0; left = end - System.nanoTime()) {
                var found = of(kind, after).filter(wanted).findFirst();
                if (found.isPresent()) {
                    return found.get();
                }
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return fail("after " + PATIENCE.toSeconds() + " s still waiting for " + what + "; the last events: "
                + seen.subList(Math.max(0, seen.size() - 20), seen.size()));
    }

    /** A stage of a job is at work. */
    Event.Progress awaitWork(int after, String job, StageName stage) {
        return await(
                after,
                Event.Progress.class,
                progress -> progress.job().equals(job) && progress.stage() == stage,
                job + " to be at work: " + stage.verb());
    }

    /** The job is done; fails when it failed. */
    Event.Completed awaitDone(String job) {
        var end = await(
                0,
                Event.class,
                event -> event.job().equals(job)
                        && (event instanceof Event.Failed
                                || event instanceof Event.Completed done && done.stage() == StageName.EXPORT),
                "the end of " + job);
        return end instanceof Event.Completed done ? done : fail("the job failed: " + end);
    }

    /** Those of a kind about a job so far. */
    synchronized <E extends Event> List<E> about(String job, Class<E> kind) {
        return of(kind, 0).filter(event -> event.job().equals(job)).toList();
    }

    private <E extends Event> Stream<E> of(Class<E> kind, int after) {
        return seen.stream().skip(after).filter(kind::isInstance).map(kind::cast);
    }

    private void read() {
        while (!closed) {
            for (var record : consumer.poll(POLL)) {
                try {
                    add(EventCodec.decode(record.value()));
                } catch (Unreadable rubbish) {
                    throw new IllegalStateException("the pipeline published what cannot be read", rubbish);
                }
            }
        }
        consumer.close();
    }

    private synchronized void add(Event event) {
        seen.add(event);
        notifyAll();
    }

    @Override
    public void close() throws InterruptedException {
        closed = true;
        reader.join();
    }
}
