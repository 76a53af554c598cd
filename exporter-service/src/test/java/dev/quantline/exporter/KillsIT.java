package dev.quantline.exporter;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Processes that are killed, or asked to stop, while they work: the job is done with the same bytes. */
@ExtendWith(FaultyStack.Shared.class)
class KillsIT {
    private final FaultyStack stack;
    private final Events events;

    KillsIT(FaultyStack stack) {
        this.stack = stack;
        this.events = stack.events();
    }

    @Test
    void everyServiceIsKilledInItsPhaseOfAJob() throws Exception {
        // Given a job
        stack.undisturbed(SmallJob.TUNED);
        var job = stack.submit(SmallJob.TUNED);
        // When each service dies in its phase, the exporter first while it uploads, and a fresh one takes its place
        for (var stage : List.of(StageName.PROFILE, StageName.CALIBRATE, StageName.TUNE)) {
            events.awaitWork(0, job, stage);
            if (stage == StageName.TUNE) {
                stack.storeProxy()
                        .fault(
                                request -> request.isPut("/model.onnx")
                                        && request.path().contains(job + "/export/"),
                                StoreProxy.Fault.holdUpload(1000));
            }
            killAndReplace(job, stage);
        }
        stack.storeProxy().awaitHits(1);
        int before = events.count();
        stack.service(StageName.EXPORT).kill();
        stack.storeProxy().heal();
        replaceKilled(job, StageName.EXPORT);
        events.awaitWork(before, job, StageName.EXPORT);
        killAndReplace(job, StageName.EXPORT);
        // Then
        stack.awaitUndisturbed(job, SmallJob.TUNED);
        // And every kill is one attempt that never ended
        for (var stage : StageName.values()) {
            assertTrue(
                    attempts(job, stage).stream()
                            .anyMatch(attempt -> !attempt.path("ended").asBoolean()),
                    stage + " was not killed while it computed");
        }
    }

    @Test
    void theProcessOfItemsIsKilledInEveryPhaseOfAJob() {
        // Given a job
        stack.undisturbed(SmallJob.TUNED);
        var pids = pids();
        var job = stack.submit(SmallJob.TUNED);
        // When in each phase the process dies that computes
        for (var stage : StageName.values()) {
            events.awaitWork(0, job, stage);
            stack.service(stage).children().forEach(ProcessHandle::destroyForcibly);
            assertTrue(stack.isUnderWay(job, stage), stage + " had ended before its process was killed");
        }
        // Then the job is done by the same services
        stack.awaitUndisturbed(job, SmallJob.TUNED);
        assertEquals(pids, pids());
        // And they know what happened
        for (var stage : StageName.values()) {
            assertTrue(
                    attempts(job, stage).stream().anyMatch(attempt -> attempt.hasNonNull("death")),
                    stage + ": no attempt ended with its process");
            assertTrue(stack.service(stage).isAlive(), stage.verb());
        }
    }

    @Test
    void theProcessThatMeasuresLayersIsKilledAndThenItsService() throws Exception {
        // Given a job whose exporter measures how much every layer matters
        stack.undisturbed(SmallJob.ALLOCATED);
        var job = stack.submit(SmallJob.ALLOCATED);
        events.awaitWork(0, job, StageName.EXPORT);
        // When the process that computes dies, and then the exporter
        int before = events.count();
        stack.service(StageName.EXPORT).children().forEach(ProcessHandle::destroyForcibly);
        events.awaitWork(before, job, StageName.EXPORT);
        killAndReplace(job, StageName.EXPORT);
        // Then
        stack.awaitUndisturbed(job, SmallJob.ALLOCATED);
        assertTrue(attempts(job, StageName.EXPORT).stream().anyMatch(attempt -> attempt.hasNonNull("death")));
    }

    @Test
    void servicesAreReplacedOneAfterTheOtherUnderLoad() throws Exception {
        stack.undisturbed(SmallJob.TINY);
        var jobs = new ArrayList<String>();
        for (var stage : StageName.values()) {
            // Given a service at work
            var old = stack.service(stage);
            var underWay = stack.submit(SmallJob.TINY);
            stack.storeProxy()
                    .fault(
                            request -> request.isPut("/part.json")
                                    && request.path().contains(underWay + "/" + stage.verb() + "/"),
                            StoreProxy.Fault.hold());
            stack.storeProxy().awaitHits(1);
            // When it is asked to stop, beside a second one or, every other time, before it, and another job comes
            boolean beside = stage == StageName.CALIBRATE || stage == StageName.EXPORT;
            if (beside) {
                stack.start(stage);
                FaultyStack.awaitReady(stack.service(stage));
            }
            old.askToStop();
            jobs.addAll(List.of(underWay, stack.submit(SmallJob.TINY)));
            stack.storeProxy().heal();
            assertTrue(old.stop(), () -> stage + " does not stop:\n" + log(old));
            if (!beside) {
                stack.start(stage);
            }
        }
        // Then
        jobs.forEach(job -> stack.awaitUndisturbed(job, SmallJob.TINY));
    }

    private void killAndReplace(String job, StageName stage) throws InterruptedException {
        stack.service(stage).kill();
        replaceKilled(job, stage);
    }

    private void replaceKilled(String job, StageName stage) {
        assertFalse(stack.service(stage).isAlive(), stage.verb());
        assertTrue(stack.isUnderWay(job, stage), stage + " had ended before its service was killed");
        stack.start(stage);
    }

    private List<Long> pids() {
        return List.of(StageName.values()).stream()
                .map(stage -> stack.service(stage).pid())
                .toList();
    }

    private List<JsonNode> attempts(String job, StageName stage) {
        return stack.store().list("jobs/" + job + "/" + stage.verb() + "/").stream()
                .filter(key -> key.contains("/attempts/"))
                .map(key -> Json.read(stack.store().read(key).orElseThrow(), JsonNode.class))
                .toList();
    }

    private static String log(ServiceProcess service) {
        try {
            return service.log();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
