package dev.quantline;

import dev.quantline.fixture.Checkout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Sizes, names and words of every file of the project. An offence names the place and what to do there. */
class StyleTest {
    private static final Path THIS = Path.of("bench/src/test/java/dev/quantline/StyleTest.java");
    private static final int MOST_LINES = 400;
    private static final Pattern REASON = Pattern.compile("^ \\* <p>Longer than \\d+ lines because ");
    private static final int LONGEST_LINE = 140;
    private static final Pattern DECLARED = Pattern.compile("\\b(?:class|interface|enum|record)\\s+([A-Z]\\w*)");
    private static final Pattern EMPTY_NAME =
            Pattern.compile("(?:^|[a-z0-9])(?:Utils?|Utilit(?:y|ies)|Helpers?|Managers?|Commons?|Impl)(?![a-z])");
    private static final Pattern EMPTY_PACKAGE =
            Pattern.compile("^package [\\w.]*\\b(?:utils?|helpers?|managers?|common|impl)\\b[\\w.]*;");

    static List<String> offences(Path file, List<String> lines) {
        var found = new ArrayList<String>();
        boolean java = file.toString().endsWith(".java");
        if (java
                && lines.size() > MOST_LINES
                && lines.stream().noneMatch(line -> REASON.matcher(line).find())) {
            found.add(file + ":" + lines.size() + ": more than " + MOST_LINES
                    + " lines: split it by what its parts are about, or say" + " '<p>Longer than " + MOST_LINES
                    + " lines because ...' in the comment of its class");
        }
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            String place = file + ":" + (i + 1) + ": ";
            if (java) {
                code(line).forEach(fault -> found.add(place + fault));
            }
        }
        return found;
    }

    private static List<String> code(String line) {
        var faults = new ArrayList<String>();
        if (line.length() > LONGEST_LINE) {
            faults.add(line.length() + " characters: break the line before " + LONGEST_LINE);
        }
        if (line.indexOf('\t') >= 0 || line.endsWith(" ")) {
            faults.add("a tab or a trailing space: remove it");
        }
        if (EMPTY_PACKAGE.matcher(line).find()) {
            faults.add("the package's name says nothing: name it after what lives there");
        }
        boolean comment = line.strip().startsWith("*") || line.strip().startsWith("//");
        DECLARED.matcher(line)
                .results()
                .map(match -> match.group(1))
                .filter(name -> !comment && EMPTY_NAME.matcher(name).find())
                .forEach(name -> faults.add("'" + name + "' says nothing: name it after what it does"));
        return faults;
    }

    @Test
    void everyFileKeepsTheStyle() {
        var found = new ArrayList<String>();
        for (var file : Repository.files()) {
            if (!file.equals(THIS)) {
                found.addAll(offences(file, Repository.lines(file)));
            }
        }

        assertTrue(found.isEmpty(), () -> found.size() + " places against the style:\n" + String.join("\n", found));
    }

    @Test
    void everyPackageSaysWhatLivesThere() {
        var silent = new TreeSet<Path>();
        for (var file : Repository.files()) {
            if (file.toString().matches(".*src/main/java/.*\\.java")
                    && !Files.exists(Checkout.root().resolve(file).resolveSibling("package-info.java"))) {
                silent.add(file.getParent());
            }
        }

        assertTrue(
                silent.isEmpty(),
                () -> "packages without package-info.java, which says what lives there and what it imports: " + silent);
    }

    @Test
    void offencesAreFoundWhereTheyStand() {
        // Given
        var lines = List.of(
                "package dev.quantline.util;",
                "final class StringHelper {",
                "    // " + "long ".repeat(30),
                "}",
                "record Utility() {}");

        // When
        var found = offences(Path.of("StringHelper.java"), lines);

        // Then
        assertEquals(
                List.of(1, 2, 3, 3, 5),
                found.stream()
                        .map(fault -> Integer.parseInt(fault.split(":")[1]))
                        .toList());
    }

    @Test
    void ordinaryNamesAndWordsAreLeftAlone() {
        var lines = List.of(
                "import java.util.List;",
                "final class Implication {",
                "    Session session; // ONNX Runtime's session",
                "record Community() {}",
                "class Commonwealth {}",
                "package dev.quantline.quantize.plan;");

        assertEquals(List.of(), offences(Path.of("Implication.java"), lines));
    }

    @Test
    void onlyJavaIsHeldToSizes() {
        var lines = Collections.nCopies(MOST_LINES + 1, "x".repeat(LONGEST_LINE + 1));

        assertEquals(List.of(), offences(Path.of("table.md"), lines));
        assertEquals(MOST_LINES + 2, offences(Path.of("Table.java"), lines).size());
    }

    @Test
    void aLongFileMayGiveItsReason() {
        var lines = new ArrayList<>(Collections.nCopies(MOST_LINES + 1, ""));
        lines.set(0, " * <p>Longer than 400 lines because the rules are one table.");

        assertEquals(List.of(), offences(Path.of("Rules.java"), lines));
    }
}
