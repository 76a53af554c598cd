package dev.quantline.deploy;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * The chart with the values of {@code src/test/resources/values} and of {@code deploy/examples}: Helm finds no fault, every object is one
 * that Kubernetes knows, field by field, every pod keeps the policies, and what is rendered is what was reviewed.
 */
class RenderingTest {
    private static final Path RESOURCES = Checkout.root().resolve("deploy/src/test/resources");
    private static final Path EXAMPLES = Checkout.root().resolve("deploy/examples");
    private static final int FEWEST_SETS = 24;

    private static final Map<Path, Manifests> RENDERED = new LinkedHashMap<>();

    @TempDir
    Path folder;

    @BeforeAll
    static void renderEach() throws IOException {
        for (var sets : List.of(RESOURCES.resolve("values"), EXAMPLES)) {
            try (var files = Files.list(sets)) {
                files.sorted().forEach(file -> RENDERED.put(file, Manifests.parse(Chart.render(file))));
            }
        }
    }

    private static Stream<DynamicTest> each(Check check) {
        return RENDERED.keySet().stream()
                .map(file -> DynamicTest.dynamicTest(
                        file.getFileName().toString(), () -> check.of(file, RENDERED.get(file))));
    }

    private interface Check {
        void of(Path values, Manifests manifests) throws Exception;
    }

    @TestFactory
    Stream<DynamicTest> everyFieldIsOneThatKubernetesKnows() {
        return each((values, manifests) -> {
            var faults = new ArrayList<String>();
            for (var object : manifests.objects().values()) {
                faults.addAll(StrictKinds.faults(object));
            }
            assertEquals(List.of(), faults);
        });
    }

    @TestFactory
    Stream<DynamicTest> everyPodKeepsThePolicies() {
        return each((values, manifests) -> assertEquals(List.of(), Policies.faults(manifests)));
    }

    @TestFactory
    Stream<DynamicTest> everyVariableIsOneThatSomebodyReads() {
        return each((values, manifests) -> {
            var unknown = new TreeSet<String>();
            manifests
                    .pods()
                    .values()
                    .forEach(pod -> pod.path("containers")
                            .forEach(container -> container
                                    .path("env")
                                    .forEach(variable ->
                                            unknown.add(variable.path("name").asText()))));
            unknown.removeAll(KnownVariables.NAMES);
            assertEquals(Set.of(), unknown);
        });
    }

    @TestFactory
    Stream<DynamicTest> whatIsRenderedIsWhatWasReviewed() {
        var standard = RENDERED.get(RESOURCES.resolve("values/default.yaml"));
        return each((values, manifests) -> Expected.at(RESOURCES
                        .resolve("snapshots")
                        .resolve(values.getFileName().toString().replace(".yaml", ".txt")))
                .is(Chart.withoutVersions(
                        manifests == standard ? Snapshot.whole(standard) : Snapshot.difference(standard, manifests))));
    }

    /** Values that a linter cannot be given are made those of the chart. */
    @TestFactory
    Stream<DynamicTest> helmHasNothingAgainstIt() {
        return each((values, manifests) -> {
            var copy = folder.resolve(values.getFileName());
            Chart.copy(copy);
            var merged =
                    Manifests.YAML.readTree(Chart.FOLDER.resolve("values.yaml").toFile());
            var own = Manifests.YAML.readTree(values.toFile());
            Manifests.YAML.writeValue(
                    copy.resolve("values.yaml").toFile(),
                    Manifests.YAML.readerForUpdating(merged).readValue(own));
            assertEquals(List.of(), Chart.lint(copy));
        });
    }

    @Test
    void thereAreEnoughSetsAndEveryKindIsAmongThem() {
        assertTrue(RENDERED.size() >= FEWEST_SETS, () -> "only " + RENDERED.size());
        var kinds = RENDERED.values().stream()
                .flatMap(manifests -> manifests.objects().values().stream())
                .map(object -> object.path("kind").asText())
                .distinct()
                .toList();
        assertTrue(
                kinds.containsAll(List.of(
                        "HorizontalPodAutoscaler",
                        "Job",
                        "KafkaTopic",
                        "KafkaUser",
                        "NetworkPolicy",
                        "Pod",
                        "PodDisruptionBudget",
                        "PodMonitor",
                        "PrometheusRule",
                        "ScaledObject",
                        "TriggerAuthentication")),
                kinds::toString);
    }

    @Test
    void whatIsWrongWouldBeNoticed() throws IOException {
        var wrong = Manifests.parse("""
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: wrong}
                spec:
                  template:
                    spec:
                      hostNetwork: true
                      containers: [{name: one, image: "x:latest", env: [{name: A_PASSWORD, value: p}]}]
                """);
        var deployment = wrong.get("Deployment/wrong");
        assertEquals(List.of(), StrictKinds.faults(deployment));
        var faults = String.join(" ", Policies.faults(wrong));
        for (var rule :
                List.of("runAsNonRoot", "hostNetwork", "no limit of memory", "without a version", "A_PASSWORD")) {
            assertTrue(faults.contains(rule), rule + ": " + faults);
        }
        for (var text : List.of(
                "{apiVersion: apps/v1, kind: Deployment, spec: {templat: {}}}",
                "{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: [{imag: x}]}}}}",
                "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, spec: {scaleTargetRef: {nam: x}, triggers: []}}",
                "{apiVersion: kafka.strimzi.io/v1, kind: KafkaTopic, spec: {partition: 1}}")) {
            assertFalse(StrictKinds.faults(Manifests.YAML.readTree(text)).isEmpty(), text);
        }
    }
}
