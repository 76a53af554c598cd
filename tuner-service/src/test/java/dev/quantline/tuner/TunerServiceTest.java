package dev.quantline.tuner;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.EventCodec;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.service.ServiceContract;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.pipeline.service.TinyJob;
import dev.quantline.quantize.settings.Json;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@QuarkusTest
@QuarkusTestResource(StackResource.class)
class TunerServiceTest extends ServiceContract {
    @Override
    protected StageName stage() {
        return StageName.TUNE;
    }

    @Override
    protected void checkResult(Path folder) throws IOException {
        var steps = Json.MAPPER.readTree(folder.resolve("tuning.json").toFile());
        assertTrue(steps.get(0).path("errorAfter").asDouble() > 0, steps.toString());
        assertTrue(Files.exists(folder.resolve("plan.json")) && Files.exists(folder.resolve("model.onnx")));
    }

    @Test
    void aCancelDuringFineTuningStopsItAndLeavesNoResult() throws IOException {
        // Given a job whose fine-tuning would take days and is under way
        var request = (ObjectNode) Json.MAPPER.readTree(TinyJob.request("cancelled", "tiny.onnx"));
        request.putObject("training")
                .put("data", request.path("calibration").asText())
                .put("loss", "cross_entropy");
        request.putObject("recipe")
                .put("preset", "w4a4")
                .putObject("tune")
                .putObject("quanttune")
                .put("epochs", 10_000_000);
        traffic.send(TOPICS.jobs(), "cancelled", Json.bytes(request));
        traffic.await(TOPICS.progress(), TunerServiceTest::trainsTheCancelledJob);

        // When it is cancelled
        traffic.send(TOPICS.cancel(), "cancelled", null);

        // Then the tuner is free for the next job, and of this one nothing is stored but what was to be done and how
        // often it was begun
        assertEquals(
                "stopped on request",
                traffic.await("cancelled", TOPICS.failed(), Event.Failed.class).reason());
        submit("after-cancelled", "tiny.onnx");
        traffic.await("after-cancelled", TOPICS.completed(stage()), Event.Completed.class);
        var stored = store.list("jobs/cancelled/tune/").stream()
                .filter(key -> !key.contains("/attempts/"))
                .toList();
        assertTrue(stored.size() == 1 && stored.getFirst().endsWith("/order.json"), stored.toString());
    }

    private static boolean trainsTheCancelledJob(ConsumerRecord<byte[], byte[]> record) {
        return Arrays.equals(record.key(), "cancelled".getBytes())
                && EventCodec.decode(record.value()) instanceof Event.Progress progress
                && progress.learning().filter(point -> point.step() > 0).isPresent();
    }
}
