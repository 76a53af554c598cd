package dev.quantline.console.command;

import dev.quantline.quantize.settings.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CompareCommandTest {
    @TempDir
    Path folder;

    @BeforeEach
    void twoResults() throws Exception {
        Files.writeString(Files.createDirectory(folder.resolve("a")).resolve("report.json"), """
                {"float": {"bytes": 4000000, "metric": {"name": "top1", "value": 0.81}, "latencyMs": 3.0},
                 "quantized": {"bytes": 1000000, "metric": {"name": "top1", "value": 0.80}, "latencyMs": 2.0, "averageWeightBits": 8},
                 "fidelity": {"cosine": 0.99, "sqnrDb": 30.0},
                 "layers": [{"name": "same", "weightBits": 8, "activationBits": 8, "weightError": 0.001},
                            {"name": "worse", "weightBits": 8, "activationBits": 8, "weightError": 0.001},
                            {"name": "much worse", "weightBits": 8, "activationBits": 8, "weightError": 0.001},
                            {"name": "narrower", "weightBits": 8, "activationBits": 8, "weightError": 0.001}],
                 "asked": {"request": {"target": "cpu", "recipe": {"preset": "int8", "tune": {"layers": "off"}}}}}""");
        Files.writeString(folder.resolve("b.json"), """
                {"float": {"bytes": 4000000, "metric": {"name": "top1", "value": 0.81}, "latencyMs": 3.0},
                 "quantized": {"bytes": 600000, "metric": {"name": "top1", "value": 0.79}, "latencyMs": 2.5},
                 "layers": [{"name": "same", "weightBits": 8, "activationBits": 8, "weightError": 0.001},
                            {"name": "worse", "weightBits": 8, "activationBits": 8, "weightError": 0.002},
                            {"name": "much worse", "weightBits": 8, "activationBits": 8, "weightError": 0.02},
                            {"name": "narrower", "weightBits": 4, "activationBits": null, "weightError": 0.03}],
                 "asked": {"request": {"target": "cpu", "recipe": {"preset": "w4a8", "tune": {"layers": "off"}}}}}""");
    }

    @Test
    void whatDiffersIsToldTheMostFirst() {
        // Given results of two recipes, as a folder and as a file
        // When they are compared
        var said = Said.by(
                "compare",
                folder.resolve("a").toString(),
                folder.resolve("b.json").toString());
        // Then figures, the setting and the layers that differ are there, and nothing that does not
        assertEquals(0, said.code(), said.err());
        assertEquals(
                List.of(
                        "                                a            b        b - a",
                        "float size                4.00 MB      4.00 MB       +0.0 %",
                        "size                      1.00 MB      0.60 MB      -40.0 %",
                        "top1, float                0.8100       0.8100      +0.0000",
                        "top1                       0.8000       0.7900      -0.0100",
                        "float latency             3.00 ms      3.00 ms       +0.0 %",
                        "latency                   2.00 ms      2.50 ms      +25.0 %",
                        "cosine to float            0.9900            -",
                        "SQNR                      30.0 dB            -",
                        "bits per weight              8.00            -",
                        "",
                        "settings that differ",
                        "  recipe.preset  \"int8\"  \"w4a8\"",
                        "",
                        "layers that differ most: weights/activations in bits, weight error",
                        "  narrower    8/8 0.00100  4/float 0.0300",
                        "  much worse  8/8 0.00100  8/8 0.0200",
                        "  worse       8/8 0.00100  8/8 0.00200"),
                said.out().lines().skip(3).toList());
    }

    @Test
    void theLimitsOfAnotherAllocationAreSettings() throws Exception {
        // Given a result, and another for a smaller budget from the same job, whose request is the same
        var report = Files.readString(folder.resolve("b.json"));
        var again =
                report.replace("\"asked\": {", "\"asked\": {\"command\": \"./quantline allocate job --size 0.2\", ");
        Files.writeString(folder.resolve("again.json"), again);
        // When they are compared
        var said = Said.by(
                "compare",
                folder.resolve("b.json").toString(),
                folder.resolve("again.json").toString());
        // Then the budget is what differs
        assertTrue(said.out().contains("settings that differ\n  allocate  -  --size 0.2\n"), said.out());
    }

    @Test
    void asJsonEveryDifferenceIsThere() throws Exception {
        var said = Said.by(
                "compare",
                folder.resolve("a").toString(),
                folder.resolve("b.json").toString(),
                "--json",
                "--layers",
                "1");
        var json = Json.MAPPER.readTree(said.out());
        assertEquals(
                List.of("narrower", "much worse", "worse"),
                json.path("layers")
                        .valueStream()
                        .map(layer -> layer.path("name").asText())
                        .toList());
        assertEquals(600000, json.path("figures").path(1).path("b").asDouble());
        assertEquals("\"w4a8\"", json.path("settings").path(0).path("b").asText());
    }

    @ParameterizedTest
    @CsvSource({
        "none.json, none.json: no such file",
        "No-Job, No-Job: no such file",
        "pom.xml, pom.xml is not JSON",
        "empty, report.json: no such file",
        "other.json, no field 'quantized'",
        "some-job, no stack runs in this folder"
    })
    void whatIsNoResultIsRefused(String name, String expected) throws Exception {
        Files.createDirectory(folder.resolve("empty"));
        Files.writeString(folder.resolve("other.json"), "{\"a\": 1}");
        var named = Files.exists(folder.resolve(name)) ? folder.resolve(name).toString() : name;
        var said = Said.by("compare", folder.resolve("a").toString(), named);
        assertEquals(2, said.code(), said.err());
        assertTrue(said.err().contains(expected), said.err());
    }
}
