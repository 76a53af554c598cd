package dev.quantline.allocate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.quantline.onnx.BadInput;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class AllocatorTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    static Table random(Random random, int layers, int options) {
        var rows = new ArrayList<Table.Row>();
        for (int i = 0; i < layers; i++) {
            long weights = 100 + random.nextInt(10_000);
            double harm = Math.exp(3 * random.nextGaussian());
            var choices = new ArrayList<Table.Option>();
            for (int k = 0; k < options; k++) {
                var width = new Width(2 + k % 3 * 3, 4 + k / 3 * 4);
                // Harmless layers tie, as measured losses below the noise do.
                double loss = random.nextInt(5) == 0 ? 0 : harm * Math.exp(-width.weights() + 0.3 * random.nextGaussian());
                choices.add(new Table.Option(width, loss, weights * width.weights() / 8,
                    (double) weights * width.weights() * width.activations(), width.weights() * 0.01 + random.nextDouble()));
            }
            rows.add(new Table.Row("layer" + i, "MatMul", random.nextInt(3) == 0 ? "shared" : "", choices));
        }
        return new Table(rows, random.nextInt(1000));
    }

    private static Budget budget(Random random, Table table) {
        double[] least = new double[4];
        double[] most = new double[4];
        for (var resource : Resource.values()) {
            for (var row : table.rows()) {
                least[resource.ordinal()] += row.options().stream().mapToDouble(resource::of).min().orElseThrow();
                most[resource.ordinal()] += row.options().stream().mapToDouble(resource::of).max().orElseThrow();
            }
        }
        Double[] limits = new Double[4];
        for (int i = 0; i < 4; i++) {
            limits[i] = random.nextInt(3) > 0 ? null : least[i] + (most[i] - least[i]) * (1.2 * random.nextDouble() - 0.1);
        }
        return new Budget(limits[0] == null ? null : Math.max(0, limits[0].longValue() + table.fixed()), positive(limits[1]),
            positive(limits[2]), positive(limits[3]), Map.of());
    }

    private static Double positive(Double limit) {
        return limit == null ? null : Math.max(0, limit);
    }

    /** Every combination tried. */
    private static Optional<Allocation> bruteForce(Table table, Budget budget) {
        var all = new ArrayList<Allocation>();
        var at = new int[table.rows().size()];
        int next = 0;
        while (next < at.length) {
            var allocation = allocation(table, at);
            boolean kept = true;
            for (var resource : Resource.values()) {
                kept &= resource.of(allocation) <= resource.limit(budget);
            }
            long widths = table.rows().stream().filter(row -> !row.grid().isEmpty())
                .map(row -> allocation.widths().get(row.layer()).activations()).distinct().count();
            if (kept && widths <= 1) {
                all.add(allocation);
            }
            next = 0;
            while (next < at.length && ++at[next] == table.rows().get(next).options().size()) {
                at[next++] = 0;
            }
        }
        var order = budget.loss() == null ? Comparator.comparingDouble(Allocation::loss).thenComparing(Allocation::bytes)
            : Comparator.comparingDouble((Allocation one) -> one.bytes()).thenComparing(Allocation::loss);
        return all.stream().min(order);
    }

    private static Allocation allocation(Table table, int[] at) {
        var widths = new TreeMap<String, Width>();
        double[] sums = new double[4];
        for (int i = 0; i < at.length; i++) {
            var option = table.rows().get(i).options().get(at[i]);
            widths.put(table.rows().get(i).layer(), option.width());
            for (var resource : Resource.values()) {
                sums[resource.ordinal()] += resource.of(option);
            }
        }
        return new Allocation(widths, sums[3], (long) sums[0] + table.fixed(), sums[1], sums[2], 0);
    }

    @Test
    void equalsBruteForceOnSmallCases() {
        int feasible = 0;
        for (long seed = 0; seed < 60; seed++) {
            // Given
            var random = new Random(seed);
            var table = random(random, 2 + random.nextInt(5), 2 + random.nextInt(5));
            var budget = budget(random, table);

            // When
            var wanted = bruteForce(table, budget);

            // Then
            String question = "seed " + seed + ": " + budget;
            if (wanted.isEmpty()) {
                assertThrows(BadInput.class, () -> Allocator.solve(table, budget, LIMIT), question);
                continue;
            }
            feasible++;
            var found = Allocator.solve(table, budget, LIMIT);
            assertEquals(wanted.get().loss(), found.loss(), 1e-7 * (1 + wanted.get().loss()), question);
            assertEquals(wanted.get().bytes(), found.bytes(), question);
            assertEquals(0, found.gap(), question);
        }
        assertTrue(feasible > 20);
    }

    @Test
    void moreRoomIsNeverWorse() {
        // Given
        var table = random(new Random(7), 12, 6);
        long least = bytes(table, false);
        double before = Double.POSITIVE_INFINITY;

        for (int step = 0; step <= 10; step++) {
            // When
            long room = least + (bytes(table, true) - least) * step / 10;
            var found = Allocator.solve(table, Budget.ofBytes(room), LIMIT);

            // Then
            assertTrue(found.bytes() <= room);
            assertTrue(found.loss() <= before + 1e-7);
            before = found.loss();
        }
    }

    private static long bytes(Table table, boolean most) {
        return table.fixed() + table.rows().stream().mapToLong(row -> {
            var sizes = row.options().stream().mapToLong(Table.Option::bytes);
            return most ? sizes.max().orElseThrow() : sizes.min().orElseThrow();
        }).sum();
    }

    @Test
    void aBudgetTooSmallNamesTheSmallestFeasibleOne() {
        var table = random(new Random(3), 6, 3);
        long least = bytes(table, false);

        var refused = assertThrows(BadInput.class, () -> Allocator.solve(table, Budget.ofBytes(least - 1), LIMIT));

        assertTrue(refused.getMessage().contains("smallest feasible is " + least + " bytes"), refused.getMessage());
        assertEquals(least, Allocator.solve(table, Budget.ofBytes(least), LIMIT).bytes());
    }

    @Test
    void measuredTimesChangeNothingUnlessTheyAreLimited() {
        // Given a table and the same with other times, as another run measures them
        var table = random(new Random(13), 12, 6);
        var random = new Random(17);
        var again = new Table(table.rows().stream().map(row -> new Table.Row(row.layer(), row.op(), row.grid(), row.options().stream()
            .map(option -> new Table.Option(option.width(), option.loss(), option.bytes(), option.bitOperations(), random.nextDouble()))
            .toList())).toList(), table.fixed());
        long room = (bytes(table, false) + bytes(table, true)) / 2;
        var best = Allocator.solve(table, Budget.none(), LIMIT);

        // When, Then
        for (var budget : List.of(Budget.none(), Budget.ofBytes(room), Budget.ofLoss(best.loss() * 1.5 + .1))) {
            assertEquals(Allocator.solve(table, budget, LIMIT).widths(), Allocator.solve(again, budget, LIMIT).widths(), budget.toString());
        }
        assertEquals(Pareto.front(table, Budget.ofBytes(room)).stream().map(Allocation::widths).toList(),
            Pareto.front(again, Budget.ofBytes(room)).stream().map(Allocation::widths).toList());
        var fast = new Budget(null, null, best.milliseconds() * .9, null, Map.of());
        assertNotEquals(best.widths(), Allocator.solve(table, fast, LIMIT).widths());
    }

    @Test
    void pinnedLayersKeepTheirWidth() {
        // Given
        var table = random(new Random(5), 6, 3);
        var pin = table.rows().get(2).options().getFirst().width();

        // When
        var found = Allocator.solve(table, new Budget(null, null, null, null, Map.of("layer2", pin)), LIMIT);

        // Then
        assertEquals(pin, found.widths().get("layer2"));
        assertThrows(BadInput.class, () -> Allocator.solve(table, new Budget(null, null, null, null, Map.of("nobody", pin)), LIMIT));
        assertThrows(BadInput.class,
            () -> Allocator.solve(table, new Budget(null, null, null, null, Map.of("layer2", new Width(7, 7))), LIMIT));
    }

    @Test
    void harmlessLayersTakeTheSmallestWidth() {
        var eight = new Table.Option(new Width(8, 8), 0, 800, 0, 0);
        var four = new Table.Option(new Width(4, 8), 0, 400, 0, 0);
        var table = new Table(List.of(new Table.Row("a", "Conv", "", List.of(eight, four))), 0);

        assertEquals(400, Allocator.solve(table, Budget.none(), LIMIT).bytes());
    }

    @Test
    void stopsAtItsTimeLimitWithAGap() {
        var table = random(new Random(11), 300, 6);
        long least = bytes(table, false);

        var found = Allocator.solve(table, Budget.ofBytes(least + (bytes(table, true) - least) / 3), Duration.ofMillis(1));

        assertTrue(found.bytes() <= least + (bytes(table, true) - least) / 3);
        assertTrue(found.gap() >= 0 && found.gap() <= 1);
    }
}
