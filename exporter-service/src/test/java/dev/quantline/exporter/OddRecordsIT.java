package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.exporter.StoreProxy.Fault;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Objects that are not what was stored, requests that come twice, and clocks that disagree. */
@ExtendWith(FaultyStack.Shared.class)
class OddRecordsIT {
    private final FaultyStack stack;
    private final Events events;

    OddRecordsIT(FaultyStack stack) {
        this.stack = stack;
        this.events = stack.events();
    }

    /** What may become of an object. */
    enum Damage {
        CUT(content -> Arrays.copyOf(content, content.length / 2)),
        ALTERED(content -> {
            var altered = content.clone();
            altered[altered.length / 2] ^= 1;
            return altered;
        });

        private final UnaryOperator<byte[]> of;

        Damage(UnaryOperator<byte[]> of) {
            this.of = of;
        }
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void aDamagedResultIsNoInputOfTheNextStage(Damage damage) throws IOException {
        // Given a job whose second stage is about to fetch the first's model
        stack.forgetCaches();
        var job = stack.newId(SmallJob.TINY);
        stack.storeProxy()
                .fault(
                        request ->
                                request.isGet("/model.onnx") && request.path().contains(job + "/profile/"),
                        Fault.hold());
        stack.publish(job, SmallJob.TINY.request(job), Instant.now());
        stack.storeProxy().awaitHits(1);
        // When that is damaged
        damage("jobs/" + job + "/profile/", "/model.onnx", damage);
        stack.storeProxy().heal();
        // Then
        assertRefused(job);
    }

    @ParameterizedTest
    @EnumSource(Damage.class)
    void aDamagedResultIsNotDelivered(Damage damage) {
        // Given a job whose model is stored, and not yet announced
        var job = stack.newId(SmallJob.TINY);
        stack.storeProxy()
                .fault(
                        request -> request.isPut("/part.json") && request.path().contains(job + "/export/"),
                        Fault.hold());
        stack.publish(job, SmallJob.TINY.request(job), Instant.now());
        stack.storeProxy().awaitHits(1);
        // When that is damaged
        damage("jobs/" + job + "/export/", "/model.onnx", damage);
        stack.storeProxy().heal();
        // Then
        assertRefused(job);
        assertFalse(stack.store().exists("jobs/" + job + "/export/model.onnx"));
    }

    @Test
    void aRecordThatIsHalfWrittenIsReadAgainUntilItIsWhole() {
        // Given a job whose second stage is about to read what the first says
        stack.undisturbed(SmallJob.TINY);
        var job = stack.newId(SmallJob.TINY);
        stack.storeProxy()
                .fault(
                        request -> request.isGet("/manifest.json")
                                && request.path().contains(job + "/profile/")
                                && stack.store().exists(request.key()),
                        Fault.hold());
        stack.publish(job, SmallJob.TINY.request(job), Instant.now());
        stack.storeProxy().awaitHits(1);
        // When only half of that is there for a while
        var key = key("jobs/" + job + "/profile/", "/manifest.json");
        var whole = stack.store().read(key).orElseThrow();
        stack.store().write(key, Damage.CUT.of.apply(whole));
        stack.storeProxy().heal();
        stack.storeProxy().fault(request -> request.isGet("/manifest.json"), Fault.none());
        stack.storeProxy().awaitHits(2);
        stack.store().write(key, whole);
        stack.storeProxy().heal();
        // Then
        stack.awaitUndisturbed(job, SmallJob.TINY);
    }

    @Test
    void aJobThatIsSubmittedTwiceIsDoneOnceAndAnotherOfItsNameIsRefused() {
        // Given a job that two people submit at once
        stack.undisturbed(SmallJob.TINY);
        var job = stack.newId(SmallJob.TINY);
        var request = SmallJob.TINY.request(job);
        stack.publish(job, request, Instant.now());
        stack.publish("another-partition", request, Instant.now());
        events.awaitWork(0, job, StageName.PROFILE);
        // When a third gives the name to something else
        var other = (ObjectNode) Json.read(request, ObjectNode.class);
        stack.publish("a-third-partition", Json.bytes(other.put("recipe", "w8a8-fast")), Instant.now());
        var refusal = events.await(
                0, Event.Failed.class, failed -> failed.job().equals(job), "the refusal of another " + job);
        events.await(
                0,
                Event.Completed.class,
                done -> done.job().equals(job) && done.stage() == StageName.EXPORT,
                job + " to be done");
        // Then that is refused and the first is done, once
        assertEquals("submit", refusal.stage());
        assertEquals("id: '" + job + "' was submitted before with other content; choose another id", refusal.reason());
        assertEquals(List.of(refusal), events.about(job, Event.Failed.class));
        assertArrayEquals(stack.undisturbed(SmallJob.TINY), stack.model(job));
        for (var stage : StageName.values()) {
            var keys = stack.store().list("jobs/" + job + "/" + stage.verb() + "/");
            assertEquals(
                    1,
                    keys.stream().filter(key -> key.endsWith("manifest.json")).count(),
                    keys::toString);
            assertTrue(keys.stream().noneMatch(key -> key.endsWith("attempts/2")), keys::toString);
        }
        assertEquals(
                1,
                events.about(job, Event.Completed.class).stream()
                        .filter(done -> done.stage() == StageName.EXPORT)
                        .map(Event.Completed::manifest)
                        .distinct()
                        .count());
    }

    @ParameterizedTest
    @ValueSource(strings = {"-PT24H", "PT24H"})
    void clocksDisagree(Duration ahead) throws IOException {
        // Given a request by somebody whose clock is wrong, about objects of a store whose clock is wrong
        stack.undisturbed(SmallJob.TINY);
        var now = Instant.now().plus(ahead);
        dateTo(now, FaultyStack.file("inputs"));
        var job = stack.newId(SmallJob.TINY);
        stack.publish(job, SmallJob.TINY.request(job), now);
        events.awaitWork(0, job, StageName.CALIBRATE);
        // When all that the job has stored is dated so too
        dateTo(now, FaultyStack.file("jobs/" + job));
        dateTo(now, FaultyStack.file("waiting"));
        // Then
        var done = stack.awaitUndisturbed(job, SmallJob.TINY);
        for (var stage : events.about(job, Event.Completed.class)) {
            assertTrue(stage.seconds().wall() >= 0 && stage.seconds().events() >= 0, stage::toString);
        }
        assertTrue(done.seconds().wall() < Duration.ofHours(1).toSeconds(), done::toString);
    }

    private static void dateTo(Instant moment, Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (var file : files.filter(Files::isRegularFile).toList()) {
                Files.setLastModifiedTime(file, FileTime.from(moment));
            }
        }
    }

    private void damage(String folder, String end, Damage damage) {
        var key = key(folder, end);
        stack.store().write(key, damage.of.apply(stack.store().read(key).orElseThrow()));
    }

    private String key(String folder, String end) {
        return stack.store().list(folder).stream()
                .filter(key -> key.endsWith(end))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + end + " below " + folder));
    }

    private void assertRefused(String job) {
        var end = events.await(
                0,
                Event.class,
                event -> event.job().equals(job)
                        && (event instanceof Event.Failed
                                || event instanceof Event.Completed done && done.stage() == StageName.EXPORT),
                "the end of " + job);
        assertTrue(
                end instanceof Event.Failed failed
                        && failed.reason().endsWith("was replaced while the job was running; submit it under a new id"),
                end::toString);
    }
}
