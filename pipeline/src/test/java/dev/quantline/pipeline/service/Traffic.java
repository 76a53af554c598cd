package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.event.Unreadable;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

import static org.junit.jupiter.api.Assertions.fail;

/** A stranger's Kafka client: publishes records and reads every topic from the beginning. */
public final class Traffic implements AutoCloseable {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Duration patience;
    private final KafkaProducer<byte[], byte[]> producer;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final List<ConsumerRecord<byte[], byte[]>> seen = new ArrayList<>();

    public Traffic(String broker) {
        this(broker, PATIENCE);
    }

    /** @param patience how long a record is waited for */
    public Traffic(String broker, Duration patience) {
        this(Map.of("bootstrap.servers", broker), patience);
    }

    /** @param client settings of a Kafka client: addresses and security */
    Traffic(Map<String, Object> client, Duration patience) {
        this.patience = patience;
        producer = new KafkaProducer<>(client, new ByteArraySerializer(), new ByteArraySerializer());
        var reading = new HashMap<>(client);
        reading.put("auto.offset.reset", "earliest");
        reading.put("group.id", UUID.randomUUID().toString());
        consumer = new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(TOPICS.all());
    }

    public void send(String topic, String key, byte[] value) {
        producer.send(new ProducerRecord<>(topic, key == null ? null : key.getBytes(StandardCharsets.UTF_8), value));
        producer.flush();
    }

    /** Publishes again what was seen before. */
    public void sendAgain(ConsumerRecord<byte[], byte[]> record) {
        producer.send(new ProducerRecord<>(record.topic(), record.key(), record.value()));
        producer.flush();
    }

    /** Everything read so far, in the order it was read. */
    public List<ConsumerRecord<byte[], byte[]>> seen() {
        return seen;
    }

    public void forget() {
        seen.clear();
    }

    /** Waits for a record on a topic. */
    public ConsumerRecord<byte[], byte[]> await(String topic, Predicate<ConsumerRecord<byte[], byte[]>> wanted) {
        var until = System.nanoTime() + patience.toNanos();
        while (System.nanoTime() < until) {
            for (var record : seen) {
                if (record.topic().equals(topic) && wanted.test(record)) {
                    return record;
                }
            }
            consumer.poll(Duration.ofMillis(100)).forEach(seen::add);
        }
        return fail("nothing like that on " + topic + "; seen: "
                + seen.stream()
                        .map(record -> record.topic() + " " + new String(record.value(), StandardCharsets.UTF_8))
                        .toList());
    }

    /** Waits for an event of one kind about a job; what else other tests put on the topic is passed over. */
    public <E extends Event> E await(String job, String topic, Class<E> kind) {
        return kind.cast(EventCodec.decode(
                await(topic, record -> isAbout(job, record.value())).value()));
    }

    private static boolean isAbout(String job, byte[] value) {
        try {
            return value != null && EventCodec.decode(value).job().equals(job);
        } catch (Unreadable rubbish) {
            return false;
        }
    }

    @Override
    public void close() {
        producer.close();
        consumer.close();
    }
}
