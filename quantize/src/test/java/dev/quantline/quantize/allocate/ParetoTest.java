package dev.quantline.quantize.allocate;

import java.time.Duration;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ParetoTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

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
        assertEquals(
                table.fixed()
                        + table.rows().stream()
                                .mapToLong(row -> row.options().stream()
                                        .mapToLong(Table.Option::bytes)
                                        .min()
                                        .orElseThrow())
                                .sum(),
                front.getFirst().bytes());
    }

    @Test
    void nothingOfAnySizeIsBetterThanTheFront() {
        // Given
        var table = AllocatorTest.random(new Random(6), 8, 6);
        var free = Allocator.solve(table, Budget.none(), LIMIT);
        var pinned = Map.of("layer1", table.rows().get(1).options().get(1).width());
        var limits = new Budget(null, .7 * free.bitOperations(), null, null, pinned);

        // When
        var front = Pareto.front(table, limits);

        // Then
        var best = Allocator.solve(table, limits, LIMIT);
        var smallest = front.getFirst();
        assertEquals(best.loss(), front.getLast().loss(), 1e-9);
        for (var point : front) {
            assertTrue(point.bitOperations() <= limits.bitOperations());
            assertEquals(pinned.get("layer1"), point.widths().get("layer1"));
            assertEquals(
                    Allocator.solve(table, limits.withBytes(point.bytes()), LIMIT)
                            .loss(),
                    point.loss(),
                    1e-9);
        }
        for (int step = 0; step <= 16; step++) {
            long room = smallest.bytes() + (best.bytes() - smallest.bytes()) * step / 16;
            double loss = Allocator.solve(table, limits.withBytes(room), LIMIT).loss();
            assertTrue(
                    front.stream().anyMatch(point -> point.bytes() <= room && point.loss() <= loss + 1e-9),
                    "within " + room);
        }
    }
}
