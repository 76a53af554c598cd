package dev.quantline.quantize.allocate;

import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.settings.Width;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
                double loss =
                        random.nextInt(5) == 0 ? 0 : harm * Math.exp(-width.weights() + 0.3 * random.nextGaussian());
                choices.add(new Table.Option(
                        width,
                        loss,
                        weights * width.weights() / 8,
                        (double) weights * width.weights() * width.activations(),
                        width.weights() * 0.01 + random.nextDouble()));
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
                least[resource.ordinal()] +=
                        row.options().stream().mapToDouble(resource::of).min().orElseThrow();
                most[resource.ordinal()] +=
                        row.options().stream().mapToDouble(resource::of).max().orElseThrow();
            }
        }
        Double[] limits = new Double[4];
        for (int i = 0; i < 4; i++) {
            limits[i] =
                    random.nextInt(3) > 0 ? null : least[i] + (most[i] - least[i]) * (1.2 * random.nextDouble() - 0.1);
        }
        return new Budget(
                limits[0] == null ? null : Math.max(0, limits[0].longValue() + table.fixed()),
                positive(limits[1]),
                positive(limits[2]),
                positive(limits[3]),
                Map.of());
    }

    private static Double positive(Double limit) {
        return limit == null ? null : Math.max(0, limit);
    }

    /** The best of all combinations. */
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
            long widths = table.rows().stream()
                    .filter(row -> !row.grid().isEmpty())
                    .map(row -> allocation.widths().get(row.layer()).activations())
                    .distinct()
                    .count();
            if (kept && widths <= 1) {
                all.add(allocation);
            }
            next = 0;
            while (next < at.length
                    && ++at[next] == table.rows().get(next).options().size()) {
                at[next++] = 0;
            }
        }
        var order = budget.loss() == null
                ? Comparator.comparingDouble(Allocation::loss).thenComparing(Allocation::bytes)
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
            assertEquals(
                    wanted.get().loss(), found.loss(), 1e-7 * (1 + wanted.get().loss()), question);
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
        return table.fixed()
                + table.rows().stream()
                        .mapToLong(row -> {
                            var sizes = row.options().stream().mapToLong(Table.Option::bytes);
                            return most
                                    ? sizes.max().orElseThrow()
                                    : sizes.min().orElseThrow();
                        })
                        .sum();
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
        // Given a table, and the same with other times, as another run measures them
        var table = random(new Random(13), 12, 6);
        var random = new Random(17);
        var again = new Table(
                table.rows().stream()
                        .map(row -> new Table.Row(
                                row.layer(),
                                row.op(),
                                row.grid(),
                                row.options().stream()
                                        .map(option -> new Table.Option(
                                                option.width(),
                                                option.loss(),
                                                option.bytes(),
                                                option.bitOperations(),
                                                random.nextDouble()))
                                        .toList()))
                        .toList(),
                table.fixed());
        long room = (bytes(table, false) + bytes(table, true)) / 2;
        var best = Allocator.solve(table, Budget.none(), LIMIT);

        // When, Then
        for (var budget : List.of(Budget.none(), Budget.ofBytes(room), Budget.ofLoss(best.loss() * 1.5 + .1))) {
            assertEquals(
                    Allocator.solve(table, budget, LIMIT).widths(),
                    Allocator.solve(again, budget, LIMIT).widths(),
                    budget.toString());
        }
        assertEquals(
                Pareto.front(table, Budget.ofBytes(room)).stream()
                        .map(Allocation::widths)
                        .toList(),
                Pareto.front(again, Budget.ofBytes(room)).stream()
                        .map(Allocation::widths)
                        .toList());
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
        var misspelt = new Budget(null, null, null, null, Map.of("layre2", pin));
        assertTrue(assertThrows(BadInput.class, () -> Allocator.solve(table, misspelt, LIMIT))
                .getMessage()
                .endsWith("did you mean 'layer2'?"));
        assertThrows(
                BadInput.class,
                () -> Allocator.solve(
                        table, new Budget(null, null, null, null, Map.of("layer2", new Width(7, 7))), LIMIT));
    }

    @Test
    void harmlessLayersTakeTheSmallestWidth() {
        var eight = new Table.Option(new Width(8, 8), 0, 800, 0, 0);
        var four = new Table.Option(new Width(4, 8), 0, 400, 0, 0);
        var table = new Table(List.of(new Table.Row("a", "Conv", "", List.of(eight, four))), 0);

        assertEquals(400, Allocator.solve(table, Budget.none(), LIMIT).bytes());
    }

    /** Two layers on one grid: less loss costs more of every resource. */
    private static Table pair(int oneActivations, int otherActivations) {
        return new Table(
                List.of(
                        new Table.Row(
                                "a",
                                "Conv",
                                "grid",
                                List.of(
                                        new Table.Option(new Width(4, oneActivations), 1, 400, 2000, 1.5),
                                        new Table.Option(new Width(8, oneActivations), .25, 800, 4000, 3))),
                        new Table.Row(
                                "b",
                                "Conv",
                                "grid",
                                List.of(
                                        new Table.Option(new Width(4, otherActivations), .5, 100, 500, .5),
                                        new Table.Option(new Width(8, otherActivations), .125, 200, 1000, 1)))),
                50);
    }

    private static String refusal(Table table, Budget budget) {
        return assertThrows(BadInput.class, () -> Allocator.solve(table, budget, LIMIT))
                .getMessage();
    }

    @Test
    void everyLimitThatCannotBeKeptIsNamedWithTheSmallestThatCan() {
        var table = pair(8, 8);

        assertEquals(
                "budget: no choice of bits keeps size within 549 bytes; the smallest feasible is 550 bytes",
                refusal(table, Budget.ofBytes(549)));
        assertEquals(
                "budget: no choice of bits keeps bit operations within 2499; the smallest feasible is 2500",
                refusal(table, new Budget(null, 2499.0, null, null, Map.of())));
        assertEquals(
                "budget: no choice of bits keeps latency within 1.9000 ms; the smallest feasible is 2.0000 ms",
                refusal(table, new Budget(null, null, 1.9, null, Map.of())));
        assertEquals(
                "budget: no choice of bits keeps loss within 0.370000; the smallest feasible is 0.375000",
                refusal(table, Budget.ofLoss(.37)));
        // Each limit can be kept, but not both.
        assertEquals(
                "budget: no choice of bits keeps size within 700 bytes; the smallest feasible with the other limits is 1050 bytes",
                refusal(table, new Budget(700L, null, null, .4, Map.of())));
        assertEquals(
                "budget: layers that read the same activation cannot agree on its width; pin fewer of them",
                refusal(pair(8, 4), Budget.none()));
    }

    @Test
    void limitsAreKeptToTheLastUnit() {
        var table = pair(8, 8);

        assertEquals(550, Allocator.solve(table, Budget.ofBytes(649), LIMIT).bytes());
        assertEquals(650, Allocator.solve(table, Budget.ofBytes(650), LIMIT).bytes());
        assertEquals(.375, Allocator.solve(table, Budget.ofLoss(.375), LIMIT).loss(), 1e-12);
        assertEquals(
                new Allocation(Map.of("a", new Width(8, 8), "b", new Width(4, 8)), .75, 950, 4500, 3.5, 0),
                Allocator.solve(table, new Budget(null, 4500.01, 3.50001, null, Map.of()), LIMIT));
    }

    @Test
    void budgetsAreNotNegative() {
        assertEquals(new Budget(0L, 0.0, 0.0, 0.0, Map.of()), new Budget(0L, 0.0, 0.0, 0.0, Map.of()));
        assertThrows(BadInput.class, () -> Budget.ofBytes(-1));
        assertThrows(BadInput.class, () -> new Budget(null, -1.0, null, null, Map.of()));
        assertThrows(BadInput.class, () -> new Budget(null, null, -1e-9, null, Map.of()));
        assertThrows(BadInput.class, () -> Budget.ofLoss(Double.NaN));
        assertEquals(new Budget(7L, null, null, 2.0, Map.of()), Budget.ofLoss(2).withBytes(7L));
    }

    @Test
    void theGapIsNoSmallerThanWhatTheBestIsBetterBy() {
        // Given
        var table = random(new Random(12), 200, 6);
        var budget = Budget.ofBytes(bytes(table, false) + (bytes(table, true) - bytes(table, false)) / 4);

        // When
        var hasty = Allocator.solve(table, budget, Duration.ofMillis(1));
        var best = Allocator.solve(table, budget, LIMIT);

        // Then
        assertTrue(
                hasty.gap() >= (hasty.loss() - best.loss()) / hasty.loss() - 1e-6,
                hasty.gap() + " for " + hasty.loss() + " and " + best.loss());
        assertEquals(0, best.gap(), 1e-6);
    }

    @Test
    void stopsAtItsTimeLimitWithAGap() {
        var table = random(new Random(11), 300, 6);
        long least = bytes(table, false);

        var found =
                Allocator.solve(table, Budget.ofBytes(least + (bytes(table, true) - least) / 3), Duration.ofMillis(1));

        assertTrue(found.bytes() <= least + (bytes(table, true) - least) / 3);
        assertTrue(found.gap() >= 0 && found.gap() <= 1);
    }
}
