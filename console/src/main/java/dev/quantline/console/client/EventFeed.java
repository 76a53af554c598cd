package dev.quantline.console.client;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Unreadable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** What the stages publish for people: progress, completions and failures of all jobs. Belongs to no consumer group. */
final class EventFeed implements AutoCloseable {
    private static final Duration TICK = Duration.ofMillis(200);
    /** After this long without an event, the broker is asked whether it is still there. */
    private static final Duration SILENCE = Duration.ofSeconds(15);

    private final Connection connection;
    private final KafkaConsumer<String, byte[]> consumer;
    private long lastSign = System.nanoTime();

    /** Starts at the end of every topic, to see what is published from now on. */
    EventFeed(Connection connection) {
        this.connection = connection;
        var settings = new HashMap<>(Broker.settings(connection, Broker.BUSY));
        settings.putAll(Map.of("enable.auto.commit", false, "allow.auto.create.topics", false));
        consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
        try {
            var topics = connection.topics();
            var partitions = Stream.concat(
                            Stream.of(topics.progress(), topics.failed()),
                            Stream.of(StageName.values()).map(topics::completed))
                    .flatMap(topic -> consumer.partitionsFor(topic).stream())
                    .map(partition -> new TopicPartition(partition.topic(), partition.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);
        } catch (KafkaException failure) {
            consumer.close();
            throw Broker.unreachable(connection, failure);
        }
    }

    /** The next events, in the order of their topics; empty if nothing arrived within a fifth of a second. */
    List<Event> poll() {
        var records = consumer.poll(TICK);
        if (!records.isEmpty()) {
            lastSign = System.nanoTime();
        } else if (System.nanoTime() - lastSign > SILENCE.toNanos()) {
            Broker.check(connection, Broker.BUSY);
            lastSign = System.nanoTime();
        }
        return decode(records).toList();
    }

    /** Everything published so far, by time; {@link #poll} continues from there. */
    List<Event> history() {
        var ends = consumer.endOffsets(consumer.assignment());
        consumer.seekToBeginning(consumer.assignment());
        var records = new ArrayList<ConsumerRecord<String, byte[]>>();
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            consumer.poll(TICK).forEach(records::add);
        }
        return records.stream()
                .sorted(Comparator.comparingLong(ConsumerRecord::timestamp))
                .flatMap(EventFeed::decode)
                .toList();
    }

    @Override
    public void close() {
        // The interrupt that ended the command must not cut this short.
        Thread.interrupted();
        consumer.close();
    }

    private static Stream<Event> decode(ConsumerRecords<String, byte[]> records) {
        var events = new ArrayList<Event>();
        records.forEach(record -> decode(record).forEach(events::add));
        return events.stream();
    }

    /** Somebody else's records on our topics are not ours to report. */
    private static Stream<Event> decode(ConsumerRecord<String, byte[]> record) {
        try {
            return Optional.ofNullable(record.value()).map(EventCodec::decode).stream();
        } catch (Unreadable foreign) {
            return Stream.empty();
        }
    }
}
