package dev.quantline.pipeline.service;

import io.opentelemetry.context.Context;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.reactive.messaging.TracingMetadata;
import io.smallrye.reactive.messaging.kafka.api.IncomingKafkaRecordMetadata;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.jboss.logging.Logger;

/**
 * Items that wait for this process, over all stages that run in it. One item of a job is under way at a time. Where more jobs wait than may
 * be under way, they take turns, so that a short one waits for one item of each other job and not for all of a long one's. Within a job,
 * items keep the order in which they came.
 */
@ApplicationScoped
public class WorkQueue {
    private static final Logger LOG = Logger.getLogger(WorkQueue.class);

    private final Duration handOver;
    private final Duration farewell;
    private final List<Thread> workers;
    /** What waits of each job, the job whose turn it is first. */
    private final SequencedMap<String, Deque<Waiting>> jobs = new LinkedHashMap<>();

    private final List<Waiting> underWay = new ArrayList<>();
    private boolean stopping;

    private record Waiting(
            Message<byte[]> message,
            ConsumerRecord<byte[], byte[]> record,
            Consumer<ConsumerRecord<byte[], byte[]>> handler) {
        TopicPartition partition() {
            return new TopicPartition(record.topic(), record.partition());
        }

        /** Of the key {@code job/stage/item}. */
        String job() {
            return record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8).split("/", 2)[0];
        }
    }

    @Inject
    WorkQueue(WorkConfig work) {
        this(work.jobsAtOnce(), work.handOver(), work.farewell());
    }

    WorkQueue(int atOnce, Duration handOver, Duration farewell) {
        this.handOver = handOver;
        this.farewell = farewell;
        workers = IntStream.range(0, atOnce)
                .mapToObj(i ->
                        Thread.ofPlatform().daemon().name("quantline-work-" + i).unstarted(this::work))
                .toList();
    }

    void start(@Observes StartupEvent event) {
        workers.forEach(Thread::start);
    }

    /** The message is acknowledged when the handler returns, and rejected with what it throws. */
    @SuppressWarnings("unchecked")
    synchronized void add(Message<byte[]> message, Consumer<ConsumerRecord<byte[], byte[]>> handler) {
        var record = (ConsumerRecord<byte[], byte[]>) message.getMetadata(IncomingKafkaRecordMetadata.class)
                .orElseThrow()
                .getRecord();
        var waiting = new Waiting(message, record, handler);
        jobs.computeIfAbsent(waiting.job(), _ -> new ArrayDeque<>()).add(waiting);
        notifyAll();
    }

    /** Another replica takes over these partitions: what waits of them is left to it, and what is under way is ended first. */
    synchronized void leave(Collection<TopicPartition> partitions) {
        jobs.values().forEach(items -> items.removeIf(item -> partitions.contains(item.partition())));
        jobs.values().removeIf(Deque::isEmpty);
        await(() -> underWay.stream().noneMatch(item -> partitions.contains(item.partition())), handOver);
    }

    /** Waits a while for the items under way, then interrupts them. Nothing else is begun. */
    void stop(@Observes ShutdownEvent event) {
        synchronized (this) {
            stopping = true;
            notifyAll();
            await(underWay::isEmpty, farewell);
        }
        workers.forEach(Thread::interrupt);
    }

    private synchronized void await(BooleanSupplier reached, Duration patience) {
        var end = System.nanoTime() + patience.toNanos();
        try {
            while (!reached.getAsBoolean() && System.nanoTime() < end) {
                TimeUnit.NANOSECONDS.timedWait(this, end - System.nanoTime());
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private void work() {
        try {
            while (true) {
                var item = next();
                try {
                    handle(item);
                } finally {
                    ended(item);
                }
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized Waiting next() throws InterruptedException {
        var turn = turn();
        while (stopping || turn.isEmpty()) {
            wait();
            turn = turn();
        }
        var job = turn.get();
        var items = jobs.remove(job);
        var item = items.removeFirst();
        if (!items.isEmpty()) {
            jobs.putLast(job, items);
        }
        underWay.add(item);
        return item;
    }

    /** The job that has waited longest among those of which nothing is under way. */
    private Optional<String> turn() {
        return jobs.keySet().stream()
                .filter(job -> underWay.stream().noneMatch(item -> item.job().equals(job)))
                .findFirst();
    }

    private synchronized void ended(Waiting item) {
        underWay.remove(item);
        notifyAll();
    }

    private static void handle(Waiting item) {
        var trace = TracingMetadata.fromMessage(item.message())
                .map(TracingMetadata::getCurrentContext)
                .orElse(Context.root());
        try (var _ = trace.makeCurrent()) {
            item.handler().accept(item.record());
            settled(item, item.message().ack());
        } catch (RuntimeException | Error failure) {
            settled(item, item.message().nack(failure));
        }
    }

    private static void settled(Waiting item, CompletionStage<Void> settling) {
        settling.whenComplete((_, failure) -> {
            if (failure != null) {
                LOG.warnf(
                        failure,
                        "record %d of %s will come again",
                        item.record().offset(),
                        item.partition());
            }
        });
    }
}
