package dev.quantline.bench.chaos;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class VerdictTest {
    private static final long SECOND = 1_000_000_000L;

    private static Verdict verdict(List<String> lost, List<String> wrong, List<String> duplicated) {
        return new Verdict(
                2, 2, lost, wrong, duplicated, 2, 0, 0, 0, 1.5, Map.of(Fault.CHILD_KILLED, 3, Fault.STORE_SLOW, 2));
    }

    @Test
    void recoveryEndsWithTheNextEvent() {
        var faults = List.of(SECOND, 2 * SECOND, 9 * SECOND);
        var moves = List.of(0L, 4 * SECOND, 8 * SECOND);

        assertEquals(3, Verdict.slowest(faults, moves));
    }

    @Test
    void itIsGoodOnlyWhereNothingIsLostWrongOrDuplicated() {
        assertTrue(verdict(List.of(), List.of(), List.of()).isGood());
        assertFalse(verdict(List.of("a"), List.of(), List.of()).isGood());
        assertFalse(verdict(List.of(), List.of("a"), List.of()).isGood());
        assertFalse(verdict(List.of(), List.of(), List.of("a")).isGood());
    }

    @Test
    void theTableCountsKillsAndEveryKindOfFault() {
        var out = new ByteArrayOutputStream();

        verdict(List.of("round0-1: no result"), List.of(), List.of()).print(new PrintStream(out, true));

        var text = out.toString();
        assertTrue(text.contains("| kills | 3 |"), text);
        assertTrue(text.contains("| a slow store | 2 |"), text);
        assertTrue(text.contains("| kill -9 of the broker | 0 |"), text);
        assertTrue(text.contains("lost: round0-1: no result"), text);
    }

    @Test
    void faultsAreDrawnByTheirSeed() {
        var one = new Random(7);
        var two = new Random(7);
        for (int i = 0; i < 100; i++) {
            assertEquals(Fault.drawn(one), Fault.drawn(two));
        }
    }
}
