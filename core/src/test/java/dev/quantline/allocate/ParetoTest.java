package dev.quantline.allocate;

import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ParetoTest {
    @Test
    void everyPointIsSmallerAndWorseThanTheNext() {
        // Given
        var table = AllocatorTest.random(new Random(4), 14, 6);

        // When
        var front = Pareto.front(table, Budget.none());

        // Then
        assertTrue(front.size() > 5);
        for (int i = 1; i < front.size(); i++) {
            assertTrue(front.get(i - 1).bytes() < front.get(i).bytes());
            assertTrue(front.get(i - 1).loss() > front.get(i).loss());
        }
        assertEquals(table.fixed() + table.rows().stream().mapToLong(row -> row.options().stream().mapToLong(Table.Option::bytes).min()
            .orElseThrow()).sum(), front.getFirst().bytes());
    }
}
