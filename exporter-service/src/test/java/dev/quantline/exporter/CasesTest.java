package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.fixture.Checkout;
import dev.quantline.pipeline.service.StackResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Graphs as exporters of other tools write them, below 8 bits through all services: none may fail for what its preset does. */
@QuarkusTest
@QuarkusTestResource(StackResource.class)
class CasesTest extends AllServices {
    CasesTest() {
        super(Duration.ofMinutes(3));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "conv3d",
                "float16",
                "gru-time-major",
                "int32-bool-scalar",
                "kws-dscnn-nhwc-samepad",
                "label-first-probs-second",
                "ms-fused",
                "opset22",
                "partly-quantized",
                "seg-resize-argmax",
                "skl-mlp-label-first",
                "tied-shared-functions",
                "vocoder-convtranspose"
            })
    void everyPresetBelowEightBitsTakesIt(String name) {
        for (String preset : List.of("w4a4", "mixed")) {
            var id = name + "-" + preset;
            var request = request(id, file(name, "model.onnx"), file(name, "data.npz"));
            double cosine = exported(shortened(request, preset))
                    .summary()
                    .path("fidelity")
                    .path("cosine")
                    .asDouble();
            assertTrue(cosine > .8, preset + ": cosine " + cosine);
        }
    }

    private static Path file(String name, String file) {
        return Checkout.shared("cases/quantize/" + name + "/" + file);
    }

    /** Training is short: how far it gets is tested elsewhere. */
    private static ObjectNode shortened(ObjectNode request, String preset) {
        var recipe = request.putObject("recipe").put("preset", preset);
        if (preset.startsWith("w4")) {
            recipe.putObject("tune").putObject("training").put("steps", 20);
        }
        return request;
    }
}
