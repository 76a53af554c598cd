package dev.quantline.pipeline.stage;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.junit.jupiter.api.Assertions.assertTrue;

class JobLimitTest {
    @ParameterizedTest
    @EnumSource
    void everyLimitIsDocumented(JobLimit limit) throws IOException {
        var standard =
                limit == JobLimit.ITEM_MEMORY ? "4/5 of the machine or container" : String.valueOf(limit.value());
        var row = "| `%s` | %s |".formatted(limit.property(), standard);
        assertTrue(Files.readString(Checkout.root().resolve("docs/job.md")).contains(row), row);
    }
}
