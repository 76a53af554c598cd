package dev.quantline.calibrator;

import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.service.ServiceContract;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.quantize.plan.QuantizationPlan;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@QuarkusTest
@QuarkusTestResource(StackResource.class)
class CalibratorServiceTest extends ServiceContract {
    @Override
    protected StageName stage() {
        return StageName.CALIBRATE;
    }

    @Override
    protected void checkResult(Path folder) throws IOException {
        assertEquals(
                3, QuantizationPlan.read(folder.resolve("plan.json")).weights().size());
        assertTrue(Files.exists(folder.resolve("calibration.json")));
    }
}
