package dev.quantline.profiler;

import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.service.ServiceContract;
import dev.quantline.pipeline.service.StackResource;
import dev.quantline.quantize.profile.Profile;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;

@QuarkusTest
@QuarkusTestResource(StackResource.class)
class ProfilerServiceTest extends ServiceContract {
    @Override
    protected StageName stage() {
        return StageName.PROFILE;
    }

    @Override
    protected void checkResult(Path folder) throws IOException {
        assertEquals(300, Profile.read(folder.resolve("profile.json")).samples());
        assertEquals(
                "logits",
                ModelFile.read(folder.resolve("model.onnx"))
                        .outputs()
                        .getFirst()
                        .getName());
    }
}
