package dev.quantline.bench.chaos;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.event.Unreadable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A user of the pipeline: submits jobs, reads what becomes of them, and submits again what may be tried again. Thread-safe. */
public final class Ledger implements AutoCloseable {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final Duration POLL = Duration.ofMillis(100);

    private final KafkaProducer<byte[], byte[]> producer;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Map<String, byte[]> requests = new ConcurrentHashMap<>();
    /** By job, the models that were announced, each once. */
    private final Map<String, List<String>> models = new ConcurrentHashMap<>();
    /** By job, why it ended without a result. */
    private final Map<String, Event.Failed> failures = new ConcurrentHashMap<>();

    /** By job and stage. */
    private final Map<String, Event.Seconds> seconds = new ConcurrentHashMap<>();

    private final List<Long> moves = new ArrayList<>();
    private final AtomicInteger resubmitted = new AtomicInteger();
    private final Thread reader;
    private volatile boolean closed;

    public Ledger(String broker) {
        producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", broker), new ByteArraySerializer(), new ByteArraySerializer());
        consumer = new KafkaConsumer<>(
                Map.of(
                        "bootstrap.servers",
                        broker,
                        "auto.offset.reset",
                        "earliest",
                        "metadata.max.age.ms",
                        "5000",
                        "group.id",
                        UUID.randomUUID().toString()),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
        consumer.subscribe(List.of(
                TOPICS.progress(),
                TOPICS.failed(),
                TOPICS.completed(StageName.PROFILE),
                TOPICS.completed(StageName.CALIBRATE),
                TOPICS.completed(StageName.TUNE),
                TOPICS.completed(StageName.EXPORT)));
        reader = Thread.ofPlatform().daemon().name("ledger").start(this::read);
    }

    /** Returns at once; the client sends it when the broker answers. */
    public void submit(String id, byte[] request) {
        requests.put(id, request);
        send(TOPICS.jobs(), id, request);
    }

    /** The same request once more. */
    void submitAgain(String id) {
        send(TOPICS.jobs(), id, requests.get(id));
    }

    void cancel(String id) {
        send(TOPICS.cancel(), id, new byte[0]);
    }

    public boolean isDone(String id) {
        return models.containsKey(id);
    }

    /** Whether the job is done or will not be. */
    public boolean hasEnded(String id) {
        return isDone(id) || failures.containsKey(id);
    }

    /** Keys of the models that were announced: one, unless something is wrong. */
    List<String> models(String id) {
        return models.getOrDefault(id, List.of());
    }

    public Optional<Event.Failed> failure(String id) {
        return Optional.ofNullable(failures.get(id));
    }

    /** Where the time of a stage of a job went, when it is done. */
    public Optional<Event.Seconds> seconds(String id, StageName stage) {
        return Optional.ofNullable(seconds.get(id + "/" + stage.verb()));
    }

    int resubmitted() {
        return resubmitted.get();
    }

    /** When events arrived, as {@link System#nanoTime}, in their order. */
    List<Long> moves() {
        synchronized (moves) {
            return List.copyOf(moves);
        }
    }

    private void send(String topic, String key, byte[] value) {
        producer.send(new ProducerRecord<>(topic, key.getBytes(StandardCharsets.UTF_8), value), (_, failure) -> {
            if (failure != null && !closed) {
                Thread.ofVirtual().start(() -> send(topic, key, value));
            }
        });
    }

    private void read() {
        while (!closed) {
            for (var record : consumer.poll(POLL)) {
                synchronized (moves) {
                    moves.add(System.nanoTime());
                }
                try {
                    note(EventCodec.decode(record.value()));
                } catch (Unreadable rubbish) {
                    throw new IllegalStateException("the pipeline published what cannot be read", rubbish);
                }
            }
        }
        consumer.close();
    }

    private void note(Event event) {
        if (event instanceof Event.Completed done) {
            seconds.put(done.job() + "/" + done.stage().verb(), done.seconds());
        }
        switch (event) {
            case Event.Completed done
            when done.stage() == StageName.EXPORT -> {
                var model = done.results().get("model.onnx").key();
                models.merge(
                        done.job(),
                        List.of(model),
                        (known, added) -> Stream.concat(known.stream(), added.stream())
                                .distinct()
                                .toList());
            }
            case Event.Failed failed
            when failed.retryable() -> {
                resubmitted.incrementAndGet();
                submitAgain(failed.job());
            }
            case Event.Failed failed -> failures.putIfAbsent(failed.job(), failed);
            default -> {}
        }
    }

    @Override
    public void close() throws InterruptedException {
        closed = true;
        reader.join();
        producer.close(Duration.ZERO);
    }
}
