package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.fixture.Checkout;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.pipeline.service.Traffic;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Graphs as exporters of other tools write them, below 8 bits through all services: none may fail for what its preset does. */
@QuarkusTest
@QuarkusTestResource(StackResource.class)
class CasesTest {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final Duration PATIENCE = Duration.ofMinutes(3);

    @Inject
    Store store;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String broker;

    private Traffic traffic;

    @BeforeEach
    void connect() {
        traffic = new Traffic(broker, PATIENCE);
    }

    @AfterEach
    void disconnect() {
        traffic.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "conv3d",
                "float16",
                "gru-time-major",
                "int32-bool-scalar",
                "kws-dscnn-nhwc-samepad",
                "label-first-probs-second",
                "ms-fused",
                "opset22",
                "partly-quantized",
                "seg-resize-argmax",
                "skl-mlp-label-first",
                "tied-shared-functions",
                "vocoder-convtranspose"
            })
    void everyPresetBelowEightBitsTakesIt(String name) throws IOException {
        for (String preset : List.of("w4a4", "mixed")) {
            var id = name + "-" + preset;
            var request = Json.MAPPER
                    .createObjectNode()
                    .put("id", id)
                    .put("model", stored(id, file(name, "model.onnx")))
                    .put("calibration", stored(id, file(name, "data.npz")));
            traffic.send(TOPICS.jobs(), id, Json.bytes(shortened(request, preset)));
            var completed = traffic.await(id, TOPICS.completed(StageName.EXPORT), Event.Completed.class);
            double cosine = completed.summary().path("fidelity").path("cosine").asDouble();
            assertTrue(cosine > .8, preset + ": cosine " + cosine);
        }
    }

    private static Path file(String name, String file) {
        return Checkout.shared("cases/quantize/" + name + "/" + file);
    }

    private String stored(String id, Path file) {
        var key = "inputs/" + id + "/" + file.getFileName();
        store.put(key, file);
        return "s3://quantline/" + key;
    }

    /** Training is short: how far it gets is tested elsewhere. */
    private static ObjectNode shortened(ObjectNode request, String preset) {
        var recipe = request.putObject("recipe").put("preset", preset);
        if (preset.startsWith("w4")) {
            recipe.putObject("tune").putObject("training").put("steps", 20);
        }
        return request;
    }
}
