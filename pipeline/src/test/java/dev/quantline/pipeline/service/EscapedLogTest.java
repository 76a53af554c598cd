package dev.quantline.pipeline.service;

import java.util.List;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.ExtLogRecord.FormatStyle;
import org.jboss.logmanager.Level;
import org.jboss.logmanager.formatters.PatternFormatter;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EscapedLogTest {
    private static final String HOSTILE = "\u001b[2J\u202e\n12:00 INFO  fake %s {0}";
    private static final String HARMLESS = "\\u001b[2J\\u202e\\u000a12:00 INFO  fake %s {0}";

    private final EscapedLog filter = new EscapedLog();

    private List<String> lines(ExtLogRecord record) {
        assertTrue(filter.isLoggable(record));
        return new PatternFormatter("%s%e%n").format(record).lines().toList();
    }

    private static ExtLogRecord record(String message, Object... parameters) {
        var record = new ExtLogRecord(Level.INFO, message, FormatStyle.PRINTF, "logger");
        record.setParameters(parameters);
        return record;
    }

    @Test
    void aMessageIsOneLineWithItsParametersInIt() {
        assertEquals(List.of("node " + HARMLESS), lines(record("node %s", HOSTILE)));
        assertEquals(List.of("3 nodes"), lines(record("%d nodes", 3)));
        var given = new ExtLogRecord(Level.INFO, HOSTILE, FormatStyle.NO_FORMAT, "logger");
        assertEquals(List.of(HARMLESS), lines(given));
    }

    @Test
    void theTraceOfAFailureKeepsItsLinesAndItsMessagesAreOneEach() {
        // Given a failure with causes that go in a circle, and one that was suppressed
        var cause = new IllegalArgumentException(HOSTILE);
        var failure = new IllegalStateException("outer", cause);
        cause.addSuppressed(new UnsupportedOperationException(HOSTILE));
        cause.initCause(new RuntimeException("back", failure));
        var record = record("failed");
        record.setThrown(failure);
        // When it is logged
        var lines = lines(record);
        // Then names and lines are as usual
        assertEquals("failed: java.lang.IllegalStateException: outer", lines.getFirst());
        assertTrue(lines.contains("Caused by: java.lang.IllegalArgumentException: " + HARMLESS), lines::toString);
        assertTrue(
                lines.contains("\tSuppressed: java.lang.UnsupportedOperationException: " + HARMLESS), lines::toString);
        assertTrue(lines.get(1).matches("\tat .*EscapedLogTest.*"), lines::toString);
    }

    @Test
    void aFailureWithoutSuchNamesIsLoggedItself() {
        var failure = new IllegalStateException("plain", new RuntimeException());
        var record = record("failed");
        record.setThrown(failure);

        filter.isLoggable(record);

        assertSame(failure, record.getThrown());
    }
}
