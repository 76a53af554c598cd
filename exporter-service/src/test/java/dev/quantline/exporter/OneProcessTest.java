package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.pipeline.service.TinyJob;
import dev.quantline.pipeline.service.Traffic;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.evaluate.EvaluationPart;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.workflow.Quantline;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

/** The library's one call against the services: the same request gives the same file. */
@QuarkusTest
@QuarkusTestResource(StackResource.class)
class OneProcessTest {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final int SAMPLES = 300;
    /** Enough for three parts. */
    private static final int EVALUATED = 3 * EvaluationPart.WORTH + 10;

    @Inject
    Store store;

    @ConfigProperty(name = "kafka.bootstrap.servers")
    String broker;

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
            plain;   false; {"preset": "int8"}
            trained; true;  {"preset": "w4a4"}
            by-size; false; {"preset": "mixed", "allocate": {"size": 0.9}}
            by-goal; false; {"preset": "mixed", "goal": {"drop": 0.05}}
            both;    true;  {"preset": "mixed", "allocate": {"size": 0.9}}
            """)
    void theBytesAreThoseOfTheServices(String id, boolean trains, String recipe, @TempDir Path folder)
            throws IOException {
        // Given a request
        TinyJob.storeInputs(store);
        var network = Networks.mlp(1);
        var evaluated = Data.write(folder.resolve("more.npz"), Data.labelled(network, Data.rows(EVALUATED, 3)));
        store.put("inputs/more.npz", evaluated);
        var request = (ObjectNode) Json.MAPPER.readTree(TinyJob.request(id, "tiny.onnx"));
        request.set("recipe", Json.MAPPER.readTree(recipe));
        request.withObject("/evaluation").put("data", "s3://quantline/inputs/more.npz");
        var tune = request.withObject("/recipe/tune");
        tune.putObject("training").put("steps", 20);
        if (trains) {
            tune.putObject("quanttune")
                    .put("k", 2)
                    .put("epochs", 20)
                    .put("steps", 40)
                    .put("batch", 16)
                    .put("rate", 0.002);
            request.putObject("training")
                    .put("data", request.path("calibration").asText())
                    .put("loss", "cross_entropy");
        }

        // When the services do it, and one call in this process
        Event.Completed done;
        try (var traffic = new Traffic(broker, Duration.ofMinutes(5))) {
            traffic.send(TOPICS.jobs(), id, Json.bytes(request));
            done = traffic.await(id, TOPICS.completed(StageName.EXPORT), Event.Completed.class);
        }
        var model = folder.resolve("tiny.onnx");
        ModelFile.write(network, model);
        var data = List.of(Data.write(folder.resolve("tiny.npz"), Data.labelled(network, Data.rows(SAMPLES, 2))));
        var quantized = Quantline.quantize(
                model,
                new Quantline.Data(data, List.of(evaluated), trains ? data : List.of()),
                JobReader.read(request, id).settings(),
                folder.resolve("out"),
                (_, _, _) -> {});

        // Then
        assertArrayEquals(stored(done, "model.onnx"), Files.readAllBytes(folder.resolve("out/model.onnx")));
        var report = Json.read(stored(done, "report.json"), Report.class);
        assertEquals(report.quantized().metric(), quantized.report().quantized().metric());
        assertEquals(report.original().metric(), quantized.report().original().metric());
        assertEquals(report.fineTuned(), quantized.report().fineTuned());
        assertEquals(report.outputs(), quantized.report().outputs());
        assertEquals(EVALUATED, report.judged().samples());
        assertEquals(report.provenance(), quantized.report().provenance());
    }

    private byte[] stored(Event.Completed done, String file) {
        return store.read(done.results().get(file).key()).orElseThrow();
    }
}
