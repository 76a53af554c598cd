package dev.quantline.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What runs the command line, and what Helm says after an installation. */
class HooksAndNotesTest {
    @TempDir
    Path folder;

    @Test
    void theHookCreatesWhatMayBeCreatedAndChecksTheRest() throws IOException {
        var create = manifests("topics: {prefix: mine., partitions: 3, workPartitions: 9, retention: 1d}")
                .get("Job/demo-quantline-prepare");
        assertEquals(
                "post-install,post-upgrade",
                create.at("/metadata/annotations/helm.sh~1hook").asText());
        assertEquals(
                List.of("prepare", "--partitions=3", "--work-partitions=9", "--retention=1d"),
                arguments(create.at("/spec/template/spec")).subList(0, 4));
        assertTrue(arguments(create.at("/spec/template/spec")).contains("--topic-prefix=mine."));

        var check = manifests("topics: {create: false}").get("Job/demo-quantline-prepare");
        assertEquals(
                List.of("prepare", "--check"),
                arguments(check.at("/spec/template/spec")).subList(0, 2));
    }

    @Test
    void theTestRunsAJob() throws IOException {
        var pod = manifests("{}").get("Pod/demo-quantline-test");

        assertEquals("test", pod.at("/metadata/annotations/helm.sh~1hook").asText());
        assertEquals("demo", arguments(pod.path("spec")).getFirst());
        assertEquals("/work", pod.at("/spec/containers/0/workingDir").asText());
    }

    @Test
    void notesSayWhatIsNextAndWhatIsOff() throws IOException {
        var standard = Chart.notes(values("{}"));
        for (var said : List.of(
                "helm -n models test demo", "One pod only", "No autoscaling", "by http", "without TLS", "metrics")) {
            assertTrue(standard.contains(said), said + ": " + standard);
        }
        var careful = Chart.notes(values("""
                kafka: {securityProtocol: SSL}
                store: {endpoint: "https://s3.example.org"}
                stageDefaults: {autoscaling: {type: hpa}}
                monitoring: {podMonitor: {enabled: true}}
                test: {enabled: false}
                """));
        for (var said : List.of(
                "helm -n models test",
                "One pod only",
                "No autoscaling",
                "by http:",
                "without TLS",
                "Nothing collects")) {
            assertFalse(careful.contains(said), said + ": " + careful);
        }
    }

    private Manifests manifests(String values) throws IOException {
        return Manifests.parse(Chart.render(values(values)));
    }

    private Path values(String text) throws IOException {
        return Files.writeString(folder.resolve("values.yaml"), text);
    }

    private static List<String> arguments(JsonNode pod) {
        var arguments = new ArrayList<String>();
        pod.at("/containers/0/args").forEach(argument -> arguments.add(argument.asText()));
        return arguments;
    }
}
