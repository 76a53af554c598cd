package dev.quantline.bench.robustness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Every input that is kept: those that once made something fail are refused, the others are accepted. */
class KeptTest {
    @TestFactory
    Stream<DynamicTest> everyInputIsReadOrRefused() {
        return Arrays.stream(Target.values())
                .flatMap(KeptTest::files)
                .map(kept -> DynamicTest.dynamicTest(
                        kept.target().label() + "/" + kept.file().getFileName(), () -> {
                            try (var trial = Trial.of(kept.target())) {
                                var verdict = trial.judge(Files.readAllBytes(kept.file()));

                                assertEquals(
                                        Kept.isBad(kept.file()) ? Verdict.Kind.REFUSED : Verdict.Kind.ACCEPTED,
                                        verdict.kind(),
                                        verdict.reason());
                            }
                        }));
    }

    private record Input(Target target, Path file) {}

    private static Stream<Input> files(Target target) {
        try {
            return Kept.of(target).stream().map(file -> new Input(target, file));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void everyTargetHasInputsToBeginWith() throws IOException {
        for (var target : Target.values()) {
            assertTrue(Kept.good(target).size() > 2, target.label());
        }
    }
}
