package dev.quantline.bench.robustness;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A short guided run of every target, with a fixed seed and number of inputs: {@code ./quantline bench fuzz} is the long form. */
class GuidedRunTest {
    private static final int RUNS = 1000;
    private static final int SEED = 1;
    /** It takes less than ten on two cores. */
    private static final int SECONDS = 300;

    @TempDir
    private Path folder;

    @EnabledIfSystemProperty(
            named = "quantline.fuzz",
            matches = "true",
            disabledReason = "takes minutes: run with -Dquantline.fuzz=true, or ./quantline bench fuzz")
    @ParameterizedTest
    @EnumSource
    void nothingFails(Target target) throws IOException {
        var run = GuidedRun.of(target, folder, List.of("-runs=" + RUNS, "-seed=" + SEED), SECONDS);

        assertEquals(List.of(), run.findings(), "seed " + SEED);
        assertTrue(run.runs() >= RUNS, run::toString);
        assertTrue(run.after() > run.before() && run.before() > 50, () -> "coverage does not guide it: " + run);
    }

    @Test
    void aLogIsReadWithItsFindings() {
        var run = GuidedRun.read(List.of(
                "#12\tINITED cov: 192 ft: 225 corp: 9/5932b exec/s: 0 rss: 479Mb",
                "== Java Exception: java.lang.NullPointerException: no",
                "\tat java.base/java.util.Objects.requireNonNull(Objects.java:1)",
                "\tat dev.quantline.onnx.Node.of(Node.java:7)",
                "#15000\tDONE   cov: 200 ft: 225 corp: 20/5932b lim: 490 exec/s: 5000 rss: 479Mb"));

        assertEquals(
                new GuidedRun(
                        15000,
                        192,
                        200,
                        11,
                        List.of("java.lang.NullPointerException: no at dev.quantline.onnx.Node.of(Node.java:7)")),
                run);
    }
}
