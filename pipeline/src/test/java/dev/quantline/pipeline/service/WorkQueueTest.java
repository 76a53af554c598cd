package dev.quantline.pipeline.service;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.reactive.messaging.kafka.api.IncomingKafkaRecordMetadata;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.eclipse.microprofile.reactive.messaging.Message;
import org.eclipse.microprofile.reactive.messaging.Metadata;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

@Timeout(60)
class WorkQueueTest {
    private static final String TOPIC = "quantline.tune.work";

    private final List<String> done = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch gate = new CountDownLatch(1);
    private final WorkQueue queue = new WorkQueue(1, Duration.ofMinutes(1), Duration.ofMinutes(1));

    @AfterEach
    void end() {
        gate.countDown();
        queue.stop(new ShutdownEvent());
    }

    @Test
    void jobsTakeTurnsAndTheirItemsKeepTheirOrder() throws Exception {
        add("long/tune/0", 0);
        add("long/tune/1", 1);
        add("long/tune/2", 2);
        add("short/tune/0", 0);
        var last = add("long/tune/3", 3);
        gate.countDown();
        queue.start(new StartupEvent());

        last.get(20, TimeUnit.SECONDS);

        assertEquals(List.of("long/tune/0", "short/tune/0", "long/tune/1", "long/tune/2", "long/tune/3"), done);
    }

    @Test
    void aShortJobIsDoneWhileAnItemOfALongOneIsUnderWay() throws Exception {
        var roomy = new WorkQueue(2, Duration.ofMinutes(1), Duration.ofMillis(50));
        roomy.start(new StartupEvent());
        add(roomy, "long/tune/0", 0, "");
        awaitTaken("long/tune/0");
        add(roomy, "long/tune/1", 1, "");
        add(roomy, "short/tune/0", 2, "");
        awaitTaken("short/tune/0");

        assertEquals(List.of("long/tune/0", "short/tune/0"), taken);
        gate.countDown();
        awaitTaken("long/tune/1");
        roomy.stop(new ShutdownEvent());
    }

    @Test
    void aFailedItemIsRejectedWithItsReasonAndTheNextOneIsDone() throws Exception {
        gate.countDown();
        var bad = add("a/tune/0", 0, "bad");
        var good = add("a/tune/1", 0);
        queue.start(new StartupEvent());

        good.get(20, TimeUnit.SECONDS);

        assertEquals("bad", bad.handle((_, failure) -> failure.getMessage()).get(20, TimeUnit.SECONDS));
    }

    @Test
    void partitionsThatGoAreForgottenOnlyWhenTheirItemUnderWayIsDone() throws Exception {
        queue.start(new StartupEvent());
        var underWay = add("a/tune/0", 0);
        add("a/tune/1", 0);
        var kept = add("b/tune/0", 1);
        awaitTaken("a/tune/0");
        var leaving = Thread.ofPlatform().start(() -> queue.leave(List.of(new TopicPartition(TOPIC, 0))));
        while (leaving.getState() != Thread.State.TIMED_WAITING) {
            assertTrue(leaving.isAlive(), "did not wait for the item under way");
            Thread.sleep(5);
        }

        gate.countDown();
        leaving.join();
        kept.get(20, TimeUnit.SECONDS);

        assertTrue(underWay.isDone());
        assertEquals(List.of("a/tune/0", "b/tune/0"), done);
    }

    @Test
    void aStoppingProcessInterruptsWhatTakesTooLongAndBeginsNothing() throws Exception {
        var hasty = new WorkQueue(1, Duration.ofMinutes(1), Duration.ofMillis(50));
        hasty.start(new StartupEvent());
        var underWay = add(hasty, "a/tune/0", 0, "");
        var next = add(hasty, "a/tune/1", 0, "");
        awaitTaken("a/tune/0");

        hasty.stop(new ShutdownEvent());

        assertTrue(underWay.handle((_, failure) -> failure.getCause() instanceof InterruptedException)
                .get(20, TimeUnit.SECONDS));
        assertFalse(next.isDone());
    }

    private final List<String> taken = Collections.synchronizedList(new ArrayList<>());

    private void awaitTaken(String key) throws InterruptedException {
        var end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!taken.contains(key) && System.nanoTime() < end) {
            Thread.sleep(5);
        }
        assertTrue(taken.contains(key), "not begun: " + key);
    }

    private CompletableFuture<Void> add(String key, int partition) {
        return add(key, partition, "");
    }

    private CompletableFuture<Void> add(String key, int partition, String failure) {
        return add(queue, key, partition, failure);
    }

    /** Completed when the record is settled. */
    private CompletableFuture<Void> add(WorkQueue to, String key, int partition, String failure) {
        var settled = new CompletableFuture<Void>();
        var record = new ConsumerRecord<>(TOPIC, partition, 0, key.getBytes(), new byte[0]);
        var message = Message.of(
                new byte[0],
                Metadata.of(new IncomingKafkaRecordMetadata<>(record, "tuner-work")),
                () -> {
                    settled.complete(null);
                    return CompletableFuture.completedFuture(null);
                },
                reason -> {
                    settled.completeExceptionally(reason);
                    return CompletableFuture.completedFuture(null);
                });
        to.add(message, given -> handle(new String(given.key()), failure));
        return settled;
    }

    private void handle(String key, String failure) {
        taken.add(key);
        try {
            gate.await();
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
        if (!failure.isEmpty()) {
            throw new IllegalStateException(failure);
        }
        done.add(key);
    }
}
