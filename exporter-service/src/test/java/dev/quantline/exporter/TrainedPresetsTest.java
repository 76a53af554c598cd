package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Every preset through all services on a trained network, so that later work cannot lose what an earlier version kept. Presets that
 * train do so with a tenth of their steps and a quarter of their samples, and images are judged on the first 1,000 of the validation
 * data: floors are for exactly that. Each stands a point or a little more below the least that this test printed: training in float
 * goes other ways where the processor's instructions round otherwise.
 */
@QuarkusTest
@QuarkusTestResource(StackResource.class)
class TrainedPresetsTest extends AllServices {
    private static final int IMAGES = 1000;
    /** Perplexity of all 200 stories; measured 3.649, float 3.425. */
    private static final double CEILING = 3.70;

    @TempDir
    Path folder;

    TrainedPresetsTest() {
        super(Duration.ofMinutes(10));
    }

    @ParameterizedTest(name = "{0} on {1}")
    @CsvSource(delimiter = '|', textBlock = """
            # preset  | network               | shortened | floor | measured with VNNI, with AVX2 alone, float
            int8      | vit_cifar10           | false     | .722  | .732, .733, .737
            w8a8-fast | resnet20_cifar10      | false     | .790  | .800, .800, .800
            w6a6      | vit_cifar10           | true      | .722  | .733, .736, .737
            w4a8      | repvgg_cifar10_deploy | true      | .808  | .826, .819, .835
            w4a4      | resnet20_cifar10      | true      | .780  | .814, .792, .800
            mixed     | resnet20_cifar10      | false     | .784  | .796, .795, .800
            """)
    void imagesAreToldApart(String preset, String network, boolean shortened, double floor) throws IOException {
        var request = request(preset, network, "cifar10", "top1");
        var std = network.startsWith("resnet") ? List.of(.2023, .1994, .2010) : List.of(.2470, .2435, .2616);
        request.putObject("normalize")
                .set("image", Json.tree(Map.of("mean", List.of(.4914, .4822, .4465), "std", std)));

        var report =
                run(shortened ? shortened(request) : request, first(Checkout.shared("data/cifar10/validation.npz")));

        assertTrue(
                report.quantized().metric().value() >= floor,
                report.quantized().metric() + " of float " + report.original().metric());
    }

    @Test
    void aLanguageModelWithWeightsOf4BitsKeepsItsPerplexity() throws IOException {
        var report = run(
                request("weights4", "stories260K", "tinystories", "perplexity"),
                Checkout.shared("data/tinystories/validation.npz"));

        assertTrue(
                report.quantized().metric().value() <= CEILING,
                report.quantized().metric() + " of float " + report.original().metric());
    }

    /** The first images of a file with their labels. */
    private Path first(Path file) throws IOException {
        try (var all = Dataset.open(List.of(file))) {
            var arrays = new LinkedHashMap<String, Tensor>();
            all.forEachBatch(0, IMAGES, IMAGES, batch -> arrays.putAll(batch.arrays()));
            var labels = Tensor.of(all.target("labels"), all.size()).toLongs();
            arrays.put("labels", Tensor.vector(labels).rows(0, IMAGES));
            return Data.write(folder.resolve("validation.npz"), arrays);
        }
    }

    private ObjectNode request(String preset, String model, String data, String metric) {
        var id = preset + "-" + model.replace('_', '-').toLowerCase(Locale.ROOT);
        var request = request(
                id, Checkout.shared("models/" + model + ".onnx"), Checkout.shared("data/" + data + "/calibration.npz"));
        request.putObject("evaluation").put("metric", metric);
        request.putObject("recipe").put("preset", preset);
        return request;
    }

    private static ObjectNode shortened(ObjectNode request) {
        var tune = request.withObject("/recipe/tune").put("samples", 128);
        tune.putObject("training").put("steps", 30);
        return request;
    }

    private Report run(ObjectNode request, Path validation) throws IOException {
        var id = request.path("id").asText();
        request.withObject("/evaluation").put("data", stored(id, validation));
        var completed = exported(request);
        var report = Report.read(Files.write(
                folder.resolve("report.json"),
                store.read(completed.results().get("report.json").key()).orElseThrow()));
        assertEquals("done", report.status(), report.message());
        System.out.printf(
                "%s: float %s, quantized %s, %.3f of the size%n",
                id,
                report.original().metric(),
                report.quantized().metric(),
                (double) report.quantized().bytes() / report.original().bytes());
        return report;
    }
}
