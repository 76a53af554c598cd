package dev.quantline.console.display;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EscapedStreamTest {
    private static final String HOSTILE = "a\u001b[2Jb\u202e\nFAKE: done\u0007";
    private static final String HARMLESS = "a\\u001b[2Jb\\u202e\\u000aFAKE: done\\u0007";

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = System.out;
    private final PrintStream err = System.err;

    @BeforeEach
    void guard() {
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        System.setErr(System.out);
        EscapedStream.guardStandardStreams();
    }

    @AfterEach
    void restore() {
        System.setOut(out);
        System.setErr(err);
    }

    private List<String> said() {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void howeverTextIsPrintedItIsOneHarmlessLine() {
        System.out.println(HOSTILE);
        System.out.println((Object) HOSTILE);
        System.err.println(HOSTILE.toCharArray());
        System.out.append(HOSTILE).append('\u009b').println();
        System.out.println("%s\t½ 層".formatted("x"));

        assertEquals(List.of(HARMLESS, HARMLESS, HARMLESS, HARMLESS + "\\u009b", "x\t½ 層"), said());
    }

    @Test
    void aTraceKeepsItsLinesButItsMessageIsOne() {
        new IllegalStateException(HOSTILE, new IllegalArgumentException(HOSTILE)).printStackTrace();

        assertEquals("java.lang.IllegalStateException: " + HARMLESS, said().getFirst());
        assertTrue(said().get(1).startsWith("\tat "), said().get(1));
        assertTrue(said().contains("Caused by: java.lang.IllegalArgumentException: " + HARMLESS), said().toString());
    }

    @Test
    void streamsAreGuardedOnce() {
        var guarded = System.out;
        EscapedStream.guardStandardStreams();

        assertSame(guarded, System.out);
    }

    @Test
    void barsMoveTheCursorAndWhatTheyTellOfAModelDoesNot() {
        try (var bars = ProgressDisplay.on(System.err, true)) {
            bars.say("job " + HOSTILE);
            bars.of("reading").report(.5, "row: " + HOSTILE);
        }

        var said = bytes.toString(StandardCharsets.UTF_8);
        assertTrue(said.contains("job " + HARMLESS), said);
        assertTrue(said.contains("\r") && said.contains("reading"), said);
        assertTrue(said.contains("a\\u001b[2Jb\\u202e"), said);
        assertFalse(said.contains("\u001b[2J") || said.contains("\u202e") || said.contains("\u0007"), said);
    }
}
