package dev.quantline.console.display;

import dev.quantline.quantize.settings.Json;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ResultTableTest {
    @Test
    void theQuantizedModelStandsBesideTheFloatOne() throws Exception {
        // Given a report
        var report = Json.MAPPER.readTree("""
                {"job": "vit", "recipe": "int8",
                 "float": {"bytes": 4000000, "metric": {"name": "top1", "value": 0.812}, "latencyMs": 3.0},
                 "quantized": {"bytes": 1000000, "metric": {"name": "top1", "value": 0.803}, "latencyMs": 1.5},
                 "fidelity": {"cosine": 0.994, "sqnrDb": 19.24}, "latencySamples": 1,
                 "outputs": [{"name": "label", "kind": "integer", "agreement": 0.97},
                             {"name": "scores", "kind": "float", "before": "label", "cosine": 0.994, "sqnrDb": 19.24}],
                 "stages": {"profile": {"seconds": 2.06, "machinery": 0.1}},
                 "notes": ["recipe.tune.order has no effect: nothing is trained"],
                 "message": "the metric dropped by 0.0090, the goal allows 0.0010"}""");
        // When its table is made
        var lines = ResultTable.of(report);
        // Then sizes, metric and latency are compared
        assertEquals(
                List.of(
                        "vit                       float         int8",
                        "size                    4.00 MB      1.00 MB   25.0 % of the float file",
                        "top1                     0.8120       0.8030   -0.0090",
                        "latency                 3.00 ms      1.50 ms   2.00 times as fast; one sample per run, the only batch size timed",
                        "cosine to float                       0.9940",
                        "SQNR                                 19.2 dB",
                        "  label                               0.9700   of its elements are equal",
                        "  scores                 0.9940      19.2 dB   before label",
                        "profile                                2.1 s",
                        "events and storage                     0.1 s   4.9 % of the job, within the stages above"),
                lines);
        assertEquals(List.of("note: recipe.tune.order has no effect: nothing is trained"), ResultTable.notes(report));
        assertEquals(
                "the metric dropped by 0.0090, the goal allows 0.0010",
                ResultTable.message(report).orElseThrow());
    }

    @Test
    void whatAReportDoesNotHoldIsADash() throws Exception {
        // Given a report of an older version
        // When its table is made
        var lines = ResultTable.of(Json.MAPPER.readTree("{\"job\": \"old\"}"));
        // Then nothing is invented
        assertTrue(lines.stream().skip(1).allMatch(line -> line.matches("[A-Za-z ]+(- +)?-")), lines::toString);
    }
}
