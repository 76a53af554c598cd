package dev.quantline.bench.launch;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** The benches in their smallest sizes, as {@code ./quantline bench} starts them, where that takes seconds. */
class SmokeTest {
    private static List<String> said(String... words) throws Exception {
        var usual = System.out;
        var out = new ByteArrayOutputStream();
        System.setOut(new PrintStream(out, true));
        try {
            assertEquals(0, Benches.run(List.of(words), System.out, System.err));
        } finally {
            System.setOut(usual);
        }
        return out.toString().lines().toList();
    }

    @Test
    void theIntegerProgramPrintsARowForEveryTable() throws Exception {
        var table = said("allocate.ProgramBench", "5", "2");

        assertEquals(2 + 2, table.size(), table::toString);
        assertEquals("| table | budget | seconds | gap |", table.getFirst());
    }
}
