package dev.quantline.console.command;

import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Every command and option that a page speaks of, in a sentence as in a block, exists. */
class DocumentedOptionsTest {
    private static final Pattern COMMAND = Pattern.compile("(?:\\./|`)quantline ([a-z][^`\n#|&>]*)");
    private static final Pattern CLASS = Pattern.compile("\\bbench ([a-z]+\\.[A-Z]\\w+)");

    @ParameterizedTest
    @ValueSource(
            strings = {
                "README.md",
                "CHANGELOG.md",
                "deploy/README.md",
                "bench/README.md",
                "docs/allocation.md",
                "docs/calibration.md",
                "docs/cluster.md",
                "docs/data.md",
                "docs/events.md",
                "docs/job.md",
                "docs/report.md",
                "docs/runbook.md",
                "docs/runtimes.md",
                "docs/tuning.md"
            })
    void whatAPageSaysIsThere(String page) throws IOException {
        var text = Files.readString(Checkout.root().resolve(page)).replace("\\\n", " ");

        assertEquals(
                List.of(),
                COMMAND.matcher(text)
                        .results()
                        .map(said -> said.group(1))
                        .filter(said -> !said.matches("(test|bench|mvn)\\b.*"))
                        .flatMap(said -> unknown(said).stream().map(word -> said + ": " + word))
                        .toList());
        assertEquals(
                List.of(),
                CLASS.matcher(text)
                        .results()
                        .map(said -> "dev.quantline.bench." + said.group(1))
                        .filter(name -> !Files.exists(
                                Checkout.root().resolve("bench/src/main/java/" + name.replace('.', '/') + ".java")))
                        .toList());
    }

    @Test
    void misspeltOnesAreNoticed() {
        assertEquals(
                List.of("--recipee"),
                unknown("quantize M.onnx --data D.npz --recipee int8").subList(0, 1));
        assertTrue(unknown("quantise M.onnx").contains("quantise"));
        assertEquals(List.of(), unknown("quantize M.onnx --recipe int8"));
    }

    /** The words of a command line that mean nothing; what it lacks does not matter. */
    private static List<String> unknown(String line) {
        var words = new ArrayList<String>();
        for (var word = Pattern.compile("\"[^\"]*\"|'[^']*'|\\S+").matcher(line.strip()); word.find(); ) {
            words.add(word.group());
        }
        try {
            new CommandLine(new QuantlineCommand()).parseArgs(words.toArray(String[]::new));
            return List.of();
        } catch (ParameterException failure) {
            return failure.getCommandLine().getUnmatchedArguments();
        }
    }
}
