package dev.quantline.deploy;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** Alerts and dashboard ask for what services expose, and every alert has its paragraph in the runbook. */
class MonitoringTest {
    private static final Pattern METER = Pattern.compile("\\.(counter|timer)\\(\"([a-z.]+)\"");
    private static final Pattern ASKED = Pattern.compile("\\b([a-z]\\w*)(?=\\{)");
    /** Of Prometheus, Java and Kafka's consumers; StageServiceTest sees to it that a service has them. */
    private static final Set<String> OTHERS = Set.of(
            "up",
            "process_start_time_seconds",
            "process_cpu_usage",
            "jvm_memory_used_bytes",
            "kafka_consumer_fetch_manager_records_lag_max",
            "kafka_consumer_fetch_manager_records_consumed_total");

    @Test
    void whatIsAskedForIsExposed() throws IOException {
        var unknown = new TreeSet<>(asked(rules("expr")));
        unknown.addAll(asked(dashboard()));
        unknown.removeAll(OTHERS);
        unknown.removeAll(exposed());

        assertEquals(Set.of(), unknown);
    }

    @Test
    void theDashboardShowsEveryFigureOfAStage() throws IOException {
        var shown = asked(dashboard()).stream()
                .filter(name -> name.startsWith("quantline_"))
                .collect(Collectors.toCollection(TreeSet::new));
        var figures = exposed().stream()
                .filter(name -> !name.endsWith("_max"))
                .collect(Collectors.toCollection(TreeSet::new));

        assertEquals(figures, shown);
    }

    @Test
    void everyAlertHasItsParagraph() throws IOException {
        var runbook = Files.readString(Checkout.root().resolve("docs/runbook.md"));
        var paragraphs = Pattern.compile("(?m)^## (Quantline\\w+)$")
                .matcher(runbook)
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));

        assertEquals(paragraphs, rules("alert").collect(Collectors.toCollection(TreeSet::new)));
    }

    /** As Micrometer names them for Prometheus. */
    private static Set<String> exposed() throws IOException {
        var source = Files.readString(
                Checkout.root().resolve("pipeline/src/main/java/dev/quantline/pipeline/stage/StageMetrics.java"));
        return METER.matcher(source)
                .results()
                .flatMap(meter -> {
                    var name = meter.group(2).replace('.', '_');
                    return meter.group(1).equals("counter")
                            ? Stream.of(name + "_total")
                            : Stream.of(name + "_count", name + "_sum", name + "_max");
                })
                .collect(Collectors.toSet());
    }

    private static Set<String> asked(Stream<String> expressions) {
        return expressions
                .flatMap(expression -> ASKED.matcher(expression).results())
                .map(found -> found.group(1))
                .collect(Collectors.toSet());
    }

    private static Manifests monitoring() {
        return Manifests.parse(
                Chart.render(Checkout.root().resolve("deploy/src/test/resources/values/monitoring.yaml")));
    }

    private static Stream<String> rules(String field) {
        return StreamSupport.stream(
                        monitoring()
                                .get("PrometheusRule/demo-quantline")
                                .at("/spec/groups/0/rules")
                                .spliterator(),
                        false)
                .map(rule -> rule.path(field).asText());
    }

    private static Stream<String> dashboard() throws IOException {
        var text = monitoring()
                .get("ConfigMap/demo-quantline-dashboard")
                .at("/data/quantline.json")
                .asText();
        return Manifests.YAML.readTree(text).findValuesAsText("expr").stream();
    }
}
