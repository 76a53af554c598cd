package dev.quantline.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** {@code deploy/compose.yaml}: four stages, a broker and a store, that fit together. */
class ComposeTest {
    private static final List<String> STAGES = List.of("profiler", "calibrator", "tuner", "exporter");
    private static JsonNode compose;

    @BeforeAll
    static void read() throws IOException {
        var yaml = new Yaml(new SafeConstructor(new LoaderOptions()));
        compose = new ObjectMapper()
                .valueToTree(yaml.load(Files.readString(Checkout.root().resolve("deploy/compose.yaml"))));
    }

    @Test
    void allPartsAreThere() {
        var names = new ArrayList<>(List.of("broker", "store"));
        names.addAll(STAGES);
        var services = new ArrayList<String>();
        compose.path("services").fieldNames().forEachRemaining(services::add);

        assertEquals(names, services);
    }

    @Test
    void stagesAreToldOnlyWhatTheyKnow() {
        for (var stage : STAGES) {
            var unknown = new TreeSet<String>();
            service(stage).path("environment").fieldNames().forEachRemaining(unknown::add);
            assertTrue(unknown.contains("KAFKA_BOOTSTRAP_SERVERS"), stage);
            unknown.removeAll(KnownVariables.NAMES);

            assertEquals(List.of(), List.copyOf(unknown), stage);
        }
    }

    @Test
    void addressesAreThoseOfBrokerAndStore() {
        var environment = service("tuner").path("environment");

        assertTrue(service("broker")
                .at("/environment/KAFKA_ADVERTISED_LISTENERS")
                .asText()
                .contains("INSIDE://"
                        + environment.path("KAFKA_BOOTSTRAP_SERVERS").asText()));
        var port = environment.path("QUANTLINE_STORE_ENDPOINT").asText().replace("http://store:", "");
        assertTrue(service("store").path("command").asText().endsWith("-s3.port=" + port));
    }

    @Test
    void imagesHaveVersionsKeysAreReferencesAndPortsAreOfThisMachine() {
        compose.path("services").forEach(service -> {
            assertTrue(service.path("image").asText().matches(".+:(\\d.*|\\$\\{.*:-\\d.*})"), service::toString);
            service.path("environment")
                    .properties()
                    .forEach(variable -> assertTrue(
                            !variable.getKey().matches(".*(KEY|SECRET|PASSWORD).*")
                                    || variable.getValue().asText().startsWith("${"),
                            variable::toString));
            service.path("ports").forEach(port -> assertTrue(port.asText().startsWith("127.0.0.1:"), port::asText));
        });
        for (var stage : STAGES) {
            assertTrue(service(stage).path("read_only").asBoolean(), stage);
            assertEquals("ALL", service(stage).at("/cap_drop/0").asText());
        }
    }

    private static JsonNode service(String name) {
        return compose.path("services").path(name);
    }
}
