package dev.quantline.console.command;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Products;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class QuantlineCommandTest {
    @TempDir
    Path folder;

    @Test
    void helpAndVersionAreDone() {
        // Given a stranger's first attempts
        // When help is asked for
        var help = run("--help");
        var word = run("help");
        var ofOne = run("help", "quantize");
        var version = run("--version");
        // Then every command of the contract is listed, the launcher's included
        assertEquals(0, help.code());
        for (var command : new String[] {
            "demo",
            "test",
            "bench",
            "mvn",
            "quantize",
            "allocate",
            "inspect",
            "up",
            "submit",
            "watch",
            "cancel",
            "jobs",
            "data",
            "compare",
            "explain",
            "doctor",
            "completion"
        }) {
            assertTrue(help.out().contains("  " + command), help.out());
        }
        // And the word does what the option does, of one command too
        assertEquals(help, word);
        assertEquals(run("quantize", "--help"), ofOne);
        assertEquals(0, version.code());
        assertTrue(version.out().matches("(?s)quantline \\d.*"), version.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''                                                 | no command given",
                "frobnicate                                         | frobnicate",
                "quantise                                           | did you mean 'quantize'?",
                "quantize pom.xml --data pom.xml --recpie int8      | unknown, did you mean '--recipe'?",
                "quantize pom.xml --dta=pom.xml                     | unknown, did you mean '--data'?",
                "quantize pom.xml --data pom.xml --recipe r.json    | r.json: no such file",
                "quantize                                           | MODEL.onnx",
                "quantize none.onnx --data none.npz                 | none.onnx: no such file",
                "quantize pom.xml                                   | --data",
                "quantize pom.xml --data pom.xml                    | pom.xml is not an ONNX model",
                "quantize pom.xml --data pom.xml --metric top1      | --eval",
                "quantize pom.xml --data pom.xml --better higher    | --eval",
                "quantize pom.xml --data pom.xml --eval pom.xml --metric own.onnx | own.onnx: no such file",
                "quantize pom.xml --data pom.xml --size much        | --size",
                "quantize pom.xml --data pom.xml --normalize none   | none: no such file",
                "allocate                                           | JOB",
                "allocate job                                       | --size, --drop, --loss, --bit-operations or --latency",
                "allocate job --size much                           | --size",
                "allocate job --size 0.2 --kafka localhost:9092     | --s3 URL is missing",
                "inspect                                            | MODEL.onnx",
                "inspect none.onnx                                  | none.onnx: no such file",
                "inspect pom.xml                                    | pom.xml is not an ONNX model",
                "submit none.json                                   | none.json: no such file",
                "submit pom.xml                                     | pom.xml is not JSON",
                "cancel                                             | ID",
                "jobs --kafka localhost:9092                        | --s3 URL is missing",
                "jobs --kafka localhost --s3 http://localhost:9000  | is not HOST:PORT",
                "jobs --kafka localhost:1 --s3 localhost:9000       | is not a URL",
                "jobs --wait soon                                   | is not a time such as 90s or 5m",
                "watch a b                                          | b",
                "up brokr                                           | is no part; there are broker, store, profiler, calibrator",
                "up --replicas 2                                    | --replicas is for services",
                "up broker --replicas 2                             | --replicas is for services",
                "up tuner --replicas 0                              | --replicas: at least 1",
                "up broker --kafka localhost:1 --s3 http://localhost:1 | name services as well",
                "up tuner --kafka localhost:1                       | --s3 URL is missing",
                "up tuner exporter                                  | no stack runs in this folder",
            })
    void whatCannotBeUsedIsOneLineAndExitCodeTwo(String line, String expected) {
        // Given a command line that asks for something impossible
        // When it runs
        var said = run(line.isEmpty() ? new String[0] : line.split(" +"));
        // Then one line says what it was
        assertEquals(2, said.code(), said.err());
        assertTrue(said.err().contains(expected), said.err());
        assertEquals(1, said.err().lines().count(), said.err());
    }

    @Test
    void aModelIsToldLayerByLayer() throws Exception {
        // Given a network with 4-bit weights, as the exporter writes it
        var network = Networks.mlp(1).withMetadata(Map.of("quantline.recipe", "w4a8"));
        var npz = Data.write(folder.resolve("data.npz"), Data.rows(32, 1));
        var file = folder.resolve("model.onnx");
        try (var data = Dataset.open(List.of(npz))) {
            var settings = CalibrateSettings.plain(ActivationRange.MSE, 4, 8, List.of());
            var stages = Stages.run(PreparedModel.prepare(network), new Samples(data, network, Map.of()), settings);
            ModelFile.write(Exporter.finish(stages.model(), stages.plan(), Products.STANDARD, false), file);
        }
        // When it is inspected
        var said = run("inspect", file.toString());
        // Then sizes, every layer with its widths, and where it comes from are there
        assertEquals(0, said.code(), said.err());
        assertTrue(
                said.out().startsWith("%.2f MB, opset 21, 3 layers with weights".formatted(Files.size(file) / 1e6)),
                said.out());
        assertTrue(
                said.out().matches("(?s).*second.product/MatMul +MatMul +4 bits in int4 +uniform uint8 +576 +288\\R.*"),
                said.out());
        assertTrue(said.out().contains("quantline.recipe: w4a8"), said.out());
    }

    @Test
    void aRequestThatBreaksTheSchemaIsRefusedBeforeAnythingIsContacted() throws Exception {
        // Given a request with an unknown recipe
        var file = Files.writeString(folder.resolve("job.json"), """
                {"model": "s3://quantline/inputs/m.onnx", "calibration": "s3://quantline/inputs/c.npz", "recipe": "w1a1"}""");
        // When it is submitted to nobody
        var said = run("submit", file.toString(), "--kafka", "localhost:1", "--s3", "http://localhost:1");
        // Then the field is named
        assertEquals(2, said.code(), said.err());
        assertTrue(said.err().contains("recipe"), said.err());
    }

    @Test
    void idsMadeFromFileNamesAreIds() {
        // Given names that break the pattern of ids
        for (var name : new String[] {"My Model.V2.onnx", "__.onnx", "x".repeat(90) + ".onnx", "ÄÖ.onnx"}) {
            // When an id is made
            var id = JobIds.of(Path.of(name));
            // Then it keeps to the pattern
            assertTrue(id.matches("[a-z0-9][a-z0-9-]{0,62}"), id);
        }
    }

    private static Said run(String... arguments) {
        return Said.by(arguments);
    }
}
