package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.service.Traffic;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import jakarta.inject.Inject;
import java.nio.file.Path;
import java.time.Duration;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Jobs of files of the shared folder, sent through all services of this process. */
abstract class AllServices {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);

    @Inject
    Store store;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String broker;

    private final Duration patience;
    private Traffic traffic;

    AllServices(Duration patience) {
        this.patience = patience;
    }

    @BeforeEach
    void connect() {
        traffic = new Traffic(broker, patience);
    }

    @AfterEach
    void disconnect() {
        traffic.close();
    }

    /** A request for a model and its calibration data, both put into the store. */
    final ObjectNode request(String id, Path model, Path calibration) {
        return Json.MAPPER
                .createObjectNode()
                .put("id", id)
                .put("model", stored(id, model))
                .put("calibration", stored(id, calibration));
    }

    final String stored(String id, Path file) {
        var key = "inputs/" + id + "/" + file.getFileName();
        store.put(key, file);
        return "s3://quantline/" + key;
    }

    /** Sends a request and waits until its model is exported. */
    final Event.Completed exported(ObjectNode request) {
        var id = request.path("id").asText();
        traffic.send(TOPICS.jobs(), id, Json.bytes(request));
        return traffic.await(id, TOPICS.completed(StageName.EXPORT), Event.Completed.class);
    }
}
