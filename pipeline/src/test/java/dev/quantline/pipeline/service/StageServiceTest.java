package dev.quantline.pipeline.service;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.Store;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static io.restassured.RestAssured.get;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasItem;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

@QuarkusTest
@QuarkusTestResource(StackResource.class)
@TestProfile(StageServiceTest.WithSum.class)
class StageServiceTest {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);

    @Inject
    Store store;

    @Inject
    SumChannels channels;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String broker;

    private Traffic traffic;

    /** Switches {@link SumChannels} on. */
    public static final class WithSum implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            var config = new HashMap<>(Map.of("quantline.test.sum", "true", "quantline.topics.partitions", "3"));
            for (var topic : List.of("jobs", "cancel", "profile.work", "profile.work-done")) {
                var name = "sum-" + topic.replace("profile.", "");
                var channel = "mp.messaging.incoming." + name;
                config.put(channel + ".connector", "smallrye-kafka");
                config.put(channel + ".topic", "quantline." + topic);
                config.put(channel + ".group.id", "quantline." + name);
            }
            config.put("mp.messaging.incoming.sum-work.consumer-rebalance-listener.name", "quantline-work");
            return config;
        }
    }

    @BeforeEach
    void connect() {
        traffic = new Traffic(broker);
    }

    @AfterEach
    void disconnect() {
        traffic.close();
    }

    @Test
    void aJobBecomesAResultAndAnEvent() {
        submit("sum-a", "1\n2\n3");

        var completed = traffic.await("sum-a", "quantline.profiled", Event.Completed.class);

        assertEquals(
                "line 0=1 line 1=2 line 2=3 ",
                new String(store.read(completed.results().get("sum").key()).orElseThrow()));
        var record = traffic.await("quantline.profiled", seen -> Arrays.equals(seen.key(), "sum-a".getBytes()));
        assertEquals("application/cloudevents+json", header(record, "content-type"));
        get("/q/metrics")
                .then()
                .statusCode(200)
                .body(containsString("quantline_jobs_total{outcome=\"completed\",stage=\"profile\"}"))
                .body(containsString("quantline_stage_seconds_sum{part=\"compute\",stage=\"profile\"}"))
                .body(containsString("quantline_store_bytes_total{direction=\"upload\",stage=\"profile\"}"))
                // What the dashboard and the alerts of deploy/helm ask for besides.
                .body(containsString(
                        "kafka_consumer_fetch_manager_records_lag_max{client_id=\"kafka-consumer-sum-work\""))
                .body(containsString("kafka_consumer_fetch_manager_records_consumed_total{"))
                .body(containsString("jvm_memory_used_bytes{area=\"heap\""))
                .body(containsString("process_cpu_usage "))
                .body(containsString("process_start_time_seconds "));
    }

    @Test
    void aRedeliveredRecordIsAnsweredWithoutComputing() {
        submit("sum-b", "1\n2");
        var first = traffic.await("sum-b", "quantline.profiled", Event.Completed.class);
        var job = traffic.await("quantline.jobs", record -> Arrays.equals(record.key(), "sum-b".getBytes()));
        var runs = channels.runs();

        traffic.forget();
        traffic.sendAgain(job);
        var second = traffic.await("sum-b", "quantline.profiled", Event.Completed.class);

        assertEquals(first, second);
        assertEquals(runs, channels.runs());
    }

    @Test
    void aBadJobIsToldAndTheNextOneRuns() {
        submit("sum-c", "bad");
        submit("sum-bug", "bug");
        traffic.send(TOPICS.jobs(), "sum-d", "{\"id\": \"sum-d\", \"model\": 7}".getBytes());
        submit("sum-e", "5");

        var failed = traffic.await("sum-c", "quantline.failed", Event.Failed.class);
        var bug = traffic.await("sum-bug", "quantline.failed", Event.Failed.class);
        var refused = traffic.await("sum-d", "quantline.failed", Event.Failed.class);
        traffic.await("sum-e", "quantline.profiled", Event.Completed.class);

        assertEquals(new Event.Failed("sum-c", "profile", "line 0: not a number", false), failed);
        assertTrue(bug.reason().startsWith("internal error"), bug.reason());
        assertEquals("submit", refused.stage());
        assertTrue(refused.reason().contains("calibration"), refused.reason());
        get("/q/health/ready").then().statusCode(200);
    }

    @Test
    void whatCannotBeReadIsPutAsideAsItCame() {
        var rubbish = new byte[] {(byte) 0xff, 0, 7};
        traffic.send(TOPICS.jobs(), null, rubbish);
        traffic.send(TOPICS.work(StageName.PROFILE), "k", "{}".getBytes());
        submit("sum-f", "1");

        var job = traffic.await(TOPICS.deadLetter(), record -> Arrays.equals(rubbish, record.value()));
        var work = traffic.await(TOPICS.deadLetter(), record -> Arrays.equals("{}".getBytes(), record.value()));
        traffic.await("sum-f", "quantline.profiled", Event.Completed.class);

        assertEquals("quantline.jobs", header(job, "dead-letter-topic"));
        assertTrue(header(job, "dead-letter-reason").startsWith("not JSON"), header(job, "dead-letter-reason"));
        assertArrayEquals("k".getBytes(), work.key());
        assertNotNull(header(work, "dead-letter-offset"));
    }

    @Test
    void hostileRecordsArePutAsideWithTheirCauseAndChangeNothing() {
        submit("sum-victim", "1\n2");
        var completed = traffic.await("sum-victim", "quantline.profiled", Event.Completed.class);
        var before = state("sum-victim");
        var hash = "0".repeat(64);
        var real = completed.manifest().key().split("/")[3];

        var hostile = List.of(
                new Hostile(
                        TOPICS.work(StageName.PROFILE),
                        new Event.Work("sum-victim", StageName.PROFILE, hash, 0, 0),
                        "no such work"),
                new Hostile(
                        TOPICS.work(StageName.PROFILE),
                        new Event.Work("sum-victim", StageName.PROFILE, real, 7, 0),
                        "no such item"),
                new Hostile(
                        TOPICS.work(StageName.PROFILE),
                        new Event.Work("sum-victim", StageName.PROFILE, real, -1, 0),
                        "no such item"),
                new Hostile(
                        TOPICS.work(StageName.PROFILE),
                        new Event.Work("sum-victim", StageName.PROFILE, real, 0, 9),
                        "no such item"),
                new Hostile(
                        TOPICS.work(StageName.PROFILE),
                        new Event.Work("nobody", StageName.PROFILE, real, 0, 0),
                        "no such work"),
                new Hostile(
                        TOPICS.workDone(StageName.PROFILE),
                        new Event.WorkDone("sum-victim", StageName.PROFILE, hash, 0),
                        "no such work"),
                new Hostile(
                        TOPICS.work(StageName.PROFILE),
                        new Event.Cancel("sum-victim"),
                        "not what quantline.profile.work carries"));
        hostile.forEach(record -> traffic.send(record.topic(), "hostile", EventCodec.encode(record.event())));
        var texts = Map.of(
                "future", new String(EventCodec.encode(hostile.getFirst().event())).replace(".v1", ".v2"),
                "traversal",
                        new String(EventCodec.encode(hostile.getFirst().event())).replace("sum-victim", "../inputs"),
                "types", "{\"specversion\":\"1.0\",\"id\":7,\"type\":[],\"source\":{}}",
                "nested", "[".repeat(100_000),
                "nested object", "{\"a\":".repeat(5_000),
                "long", "{\"id\":\"" + "x".repeat(900_000) + "\"}");
        texts.forEach((key, text) -> traffic.send(TOPICS.work(StageName.PROFILE), key, text.getBytes()));
        submit("sum-after", "5");

        for (var record : hostile) {
            var value = traffic.await(
                    TOPICS.deadLetter(),
                    seen -> header(seen, "dead-letter-reason").contains(record.reason()));
            assertNotNull(value);
        }
        texts.keySet()
                .forEach(key -> traffic.await(TOPICS.deadLetter(), seen -> Arrays.equals(seen.key(), key.getBytes())));
        traffic.await("sum-after", "quantline.profiled", Event.Completed.class);
        assertEquals(before, state("sum-victim"));
    }

    private record Hostile(String topic, Event event, String reason) {}

    /** Every object of a job, and of what waits. */
    private Map<String, String> state(String job) {
        var objects = new TreeMap<String, String>();
        store.list("jobs/" + job + "/")
                .forEach(key -> objects.put(key, new String(store.read(key).orElseThrow())));
        return objects;
    }

    @Test
    void aRecordBeyondTheLimitIsPutAsideCutShort() {
        System.setProperty("quantline.limit.event-bytes", "100000");
        try {
            traffic.send(TOPICS.jobs(), "too-long", "[".repeat(900_000).getBytes());
            var aside = traffic.await(TOPICS.deadLetter(), seen -> Arrays.equals(seen.key(), "too-long".getBytes()));

            assertEquals(
                    "the record has 900000 bytes: the limit is 100000 (quantline.limit.event-bytes)",
                    header(aside, "dead-letter-reason"));
            assertEquals(4096, aside.value().length);
            submit("sum-short", "5");
            traffic.await("sum-short", "quantline.profiled", Event.Completed.class);
        } finally {
            System.clearProperty("quantline.limit.event-bytes");
        }
    }

    @Test
    void aJobWithoutIdIsNamedAfterItsKeyOrGetsAName() {
        store.write("inputs/anonymous", "1".getBytes());
        var request =
                "{\"model\": \"s3://quantline/inputs/anonymous\", \"calibration\": \"s3://quantline/inputs/anonymous\"}";
        traffic.send(TOPICS.jobs(), "named-by-key", request.getBytes());
        traffic.send(TOPICS.jobs(), null, request.getBytes());

        traffic.await("named-by-key", "quantline.profiled", Event.Completed.class);
        traffic.await("quantline.profiled", record -> new String(record.key()).matches("job-[0-9a-f]{12}"));
    }

    @Test
    void aCancelledJobIsNotStartedAgain() {
        submit("sum-g", "bad");
        traffic.await("sum-g", "quantline.failed", Event.Failed.class);
        traffic.forget();

        traffic.send(TOPICS.cancel(), "sum-g", null);

        assertEquals(
                "stopped on request",
                traffic.await("sum-g", "quantline.failed", Event.Failed.class).reason());
        assertFalse(store.list("jobs/sum-g/cancelled.json").isEmpty());
    }

    @Test
    void healthNamesTheAddresses() {
        get("/q/health/live").then().statusCode(200);
        get("/q/health/ready")
                .then()
                .statusCode(200)
                .body("checks.data.address", hasItem(broker))
                .body("checks.data.address", hasItem(store.address()));
    }

    private void submit(String id, String numbers) {
        store.write("inputs/" + id, numbers.getBytes());
        traffic.send(
                TOPICS.jobs(),
                id,
                ("{\"id\": \"" + id + "\", \"model\": \"s3://quantline/inputs/" + id
                                + "\", \"calibration\": \"s3://quantline/inputs/" + id + "\"}")
                        .getBytes());
    }

    private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
        return List.of(record.headers().toArray()).stream()
                .filter(header -> header.key().equals(name))
                .findFirst()
                .map(header -> new String(header.value(), StandardCharsets.UTF_8))
                .orElse(null);
    }
}
