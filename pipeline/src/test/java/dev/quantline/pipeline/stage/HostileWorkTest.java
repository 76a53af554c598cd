package dev.quantline.pipeline.stage;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.store.Keys;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Work that kills, never ends or was never planned. */
class HostileWorkTest extends StageShellFixture {
    @Test
    void anItemThatKeepsKillingItsProcessFailsItsJob() {
        submit("deadly", "dies\n2");

        deliver(new Random(0));

        assertEquals(
                List.of(
                        "line 0: the process that works on it died 3 times, lastly of SIGFPE in libonnxruntime.so; the limit is 3"
                                + " (quantline.limit.item-deaths)"),
                reasons("deadly").stream()
                        .map(reason -> reason.replace("profile: ", ""))
                        .toList());
        var runs = stage.runs.get();
        shell.start("deadly", Optional.empty(), 0);
        deliver(new Random(0));
        assertEquals(runs, stage.runs.get(), "an item known to be deadly is not tried again");
        submit("next", "1");
        deliver(new Random(0));
        assertEquals("1", content(completed("next").results().get("number")));
    }

    @Test
    void anItemWhoseProcessDiedOnceIsDone() {
        submit("unlucky", "dies once\n2");

        deliver(new Random(0));

        assertEquals(
                "line 0=9 line 1=2 ", content(completed("unlucky").results().get("sum")));
        assertTrue(reasons("unlucky").isEmpty());
    }

    @Test
    void anItemThatServicesAreLostWithIsGivenUp() {
        submit("lost", "4");
        var folder = published.stream()
                .map(event -> Keys.part(StageRecords.folder("lost", StageName.PROFILE, ((Event.Work) event).hash()), 0))
                .findFirst()
                .orElseThrow();
        for (int attempt = 1; attempt <= 10; attempt++) {
            store.create(Keys.attempt(folder, attempt), "{}".getBytes());
        }

        deliver(new Random(0));

        assertEquals(
                List.of(
                        "line 0: the service that works on it was lost 10 times; the limit is 10 (quantline.limit.item-losses)"),
                reasons("lost"));
    }

    @Test
    void attemptsThatEndedDoNotCount() {
        System.setProperty("quantline.limit.item-losses", "1");
        try {
            submit("retried", "bug");
            var works = List.copyOf(published);
            for (int attempt = 0; attempt < 3; attempt++) {
                published.clear();
                published.addAll(works);
                assertThrows(IllegalStateException.class, () -> deliver(new Random(0)));
            }
        } finally {
            System.clearProperty("quantline.limit.item-losses");
        }
    }

    @Test
    void whatIsBeyondALimitMayBeTriedUnderAnother() {
        submit("long", "long");

        deliver(new Random(0));

        assertTrue(all.contains(new Event.Failed(
                "long",
                "profile",
                "line 0 took more than 1 seconds: the limit is 14400 (quantline.limit.item-seconds)",
                true)));
    }

    @Test
    void aJobMayNotWorkForEver() {
        System.setProperty("quantline.limit.job-seconds", "1");
        try {
            submit("endless", "slow");
            deliver(new Random(0));
        } finally {
            System.clearProperty("quantline.limit.job-seconds");
        }

        assertTrue(reasons("endless")
                .getFirst()
                .endsWith("seconds of work: the limit is 1 (quantline.limit.job-seconds)"));
    }

    @Test
    void aJobThatIsCancelledBeforeItComesIsRefused() {
        admission.cancel("early");

        submit("early", "1");

        assertEquals(List.of("stopped on request", "id: 'early' was cancelled; choose another id"), reasons("early"));
        assertTrue(store.list("waiting/early").isEmpty());
    }

    @Test
    void otherBucketsAreClosedToJobs() {
        assertTrue(
                admission.accept(request("spy", "s3://secrets/model.onnx"), "x").isEmpty());
        assertTrue(admission
                .accept(request("guest", "s3://opened/model.onnx"), "x")
                .isPresent());

        assertTrue(reasons("spy")
                .getFirst()
                .startsWith("calibration: bucket 'secrets' is not among those that jobs may read"));
    }

    @Test
    void moreJobsThanMayWaitAreRefusedUntilSomeEnd() {
        store.list("waiting/").forEach(store::delete);
        System.setProperty("quantline.limit.jobs-waiting", "2");
        try {
            submit("first", "bad");
            submit("second", "1");
            submit("third", "1");
            assertEquals(
                    List.of(
                            "2 jobs wait already; submit again when some are done: the limit is 2 (quantline.limit.jobs-waiting)"),
                    reasons("third"));

            submit("second", "1");
            deliver(new Random(0));
            submit("third", "1");
        } finally {
            System.clearProperty("quantline.limit.jobs-waiting");
        }
        assertEquals(1, reasons("third").size(), "the first has failed, so the third may wait");
    }

    @Test
    void aCompletionThatNamesAnotherManifestIsStray() {
        submit("forged", "1");
        deliver(new Random(0));
        submit("other", "1");
        deliver(new Random(0));
        var next = new StageShell(new NextStage(), tools);
        var real = completed("forged");

        for (var manifest : List.of(
                completed("other").manifest(),
                new ObjectRef("secrets", real.manifest().key()),
                new ObjectRef("quantline", "inputs/forged"),
                new ObjectRef("quantline", "jobs/forged/profile/" + "0".repeat(64) + "/manifest.json"))) {
            var forged = new Event.Completed(
                    "forged", real.stage(), manifest, real.results(), real.summary(), real.seconds());
            assertThrows(StrayRecord.class, () -> next.start(forged, 0), manifest.toString());
        }
        next.start(real, 0);
        assertEquals(StageName.CALIBRATE, ((Event.Work) published.getLast()).stage());
    }

    @Test
    void aDoneJobCannotFail() {
        submit("done", "1");
        deliver(new Random(0));
        store.write(Keys.delivered("done", "export", "report.json"), "{}".getBytes());
        var failures = new Failures(StageName.EXPORT, new StageRecords(store), tools);

        failures.guard("done", Optional.empty(), () -> {
            throw new BadInput("whatever");
        });

        assertEquals(List.of(), reasons("done"));
        assertFalse(store.exists(Keys.failed("done")));
    }
}
