package dev.quantline.bench.allocate;

import dev.quantline.quantize.allocate.Allocator;
import dev.quantline.quantize.allocate.Budget;
import dev.quantline.quantize.allocate.Table;
import dev.quantline.quantize.settings.Width;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Random;

/**
 * Time of the integer program on random tables: losses fall with the width and are measured with noise, sizes spread over
 * three orders of magnitude, the budget is a share of the way from the smallest to the largest file.
 */
public final class ProgramBench {
    private static final int[] WEIGHTS = {2, 3, 4, 5, 6, 8};
    private static final int WARM_UP = 10;

    private ProgramBench() {}

    /** Arguments: layers (200), tables (10). */
    public static void main(String... arguments) {
        int layers = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 200;
        int tables = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 10;
        Allocator.solve(table(0, WARM_UP), Budget.none(), Duration.ofSeconds(1));
        System.out.println("| table | budget | seconds | gap |\n|---|---|---|---|");
        for (int seed = 1; seed <= tables; seed++) {
            var table = table(seed, layers);
            double share = 0.1 + 0.8 * (seed - 1) / Math.max(1, tables - 1);
            long least = bytes(table, true);
            long room = least + (long) ((bytes(table, false) - least) * share);
            long start = System.nanoTime();
            var found = Allocator.solve(table, Budget.ofBytes(room), Duration.ofMinutes(1));
            System.out.printf(
                    "| %d layers x %d, seed %d | %.0f %% | %.3f | %.2e |%n",
                    layers, WEIGHTS.length, seed, 100 * share, (System.nanoTime() - start) / 1e9, found.gap());
        }
    }

    private static Table table(int seed, int layers) {
        var random = new Random(seed);
        var rows = new ArrayList<Table.Row>();
        for (int i = 0; i < layers; i++) {
            long weights = (long) Math.exp(7 + 7 * random.nextDouble());
            double harm = Math.exp(2 * random.nextGaussian());
            var options = new ArrayList<Table.Option>();
            for (int bits : WEIGHTS) {
                double loss = harm * Math.pow(4, -bits) * (1 + 0.1 * random.nextGaussian());
                options.add(new Table.Option(
                        new Width(bits, 8), Math.max(0, loss), weights * bits / 8, (double) weights * bits * 8, 0));
            }
            rows.add(new Table.Row("layer" + i, "MatMul", "", options));
        }
        return new Table(rows, 0);
    }

    private static long bytes(Table table, boolean least) {
        return table.rows().stream()
                .mapToLong(row -> {
                    var sizes = row.options().stream().mapToLong(Table.Option::bytes);
                    return least ? sizes.min().orElseThrow() : sizes.max().orElseThrow();
                })
                .sum();
    }
}
