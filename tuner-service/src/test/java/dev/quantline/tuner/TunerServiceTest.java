package dev.quantline.tuner;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.Json;
import dev.quantline.pipeline.service.ServiceContract;
import dev.quantline.pipeline.service.StackResource;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

@QuarkusTest
@QuarkusTestResource(StackResource.class)
class TunerServiceTest extends ServiceContract {
    @Override
    protected StageName stage() {
        return StageName.TUNE;
    }

    @Override
    protected void checkResult(Path folder) throws IOException {
        var steps = Json.MAPPER.readTree(folder.resolve("tuning.json").toFile());
        assertTrue(steps.get(0).path("errorAfter").asDouble() > 0, steps.toString());
        assertTrue(Files.exists(folder.resolve("plan.json")) && Files.exists(folder.resolve("model.onnx")));
    }
}
