package dev.quantline.quantize.allocate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.quantize.settings.Width;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * The integer program of AdaQuant (arXiv 2006.10518): exactly one option per layer, either the least sum of losses under
 * budgets or the least size under an allowed loss. Solved by CP-SAT; the same question always gets the same answer.
 *
 * <p>CP-SAT works on integers. Fractional costs are counted in units of 2^-32 of the total spread over all layers, each layer
 * relative to its least option. An optimum in units is therefore at most {@code layers * 2^-32} of that spread above the true
 * optimum: 2e-8 for a hundred layers, far below the precision of a measured loss. Limits are rounded down, so that results
 * really keep them; bytes are exact. Ties are broken in favour of the smaller file (under an allowed loss, of the smaller
 * loss), in units of 2^-22 of the spread of sizes, but at least one byte.
 */
public final class Allocator {
    private Allocator() {}

    /**
     * Solves one question.
     *
     * @param limit work, in approximate seconds, after which the best allocation so far is returned with its proven gap
     * @throws BadInput if a pinned layer or width is not in the table, or if the budget cannot be kept; the message then
     *     names the smallest feasible one
     */
    public static Allocation solve(Table table, Budget budget, Duration limit) {
        return find(table, budget, limit).orElseThrow(() -> infeasible(pin(table, budget.pinned()), budget, limit));
    }

    /** The same; empty if the budget cannot be kept. */
    static Optional<Allocation> find(Table table, Budget budget, Duration limit) {
        var objective = budget.loss() == null ? Resource.LOSS : Resource.SIZE;
        var ties = budget.loss() == null ? Resource.SIZE : Resource.LOSS;
        var program = new Program(pin(table, budget.pinned()));
        for (var resource : Resource.values()) {
            program.limit(resource, resource.limit(budget));
        }
        return program.minimize(objective, ties, limit.toMillis() / 1e3);
    }

    private static Table pin(Table table, Map<String, Width> pins) {
        var layers = table.rows().stream().map(Table.Row::layer).toList();
        pins.forEach((layer, width) -> {
            if (!layers.contains(layer)) {
                throw new BadInput("allocate.pinned: no layer '" + layer + "' has widths to choose: "
                        + ClosestName.hint(layer, layers));
            }
            if (table.rows().stream()
                    .noneMatch(row -> row.layer().equals(layer)
                            && row.options().stream()
                                    .anyMatch(option -> option.width().equals(width)))) {
                throw new BadInput("layer '" + layer + "' cannot be pinned to " + width
                        + " bits: this width was not measured for it");
            }
        });
        return new Table(
                table.rows().stream()
                        .map(row -> !pins.containsKey(row.layer())
                                ? row
                                : new Table.Row(
                                        row.layer(),
                                        row.op(),
                                        row.grid(),
                                        row.options().stream()
                                                .filter(option -> option.width().equals(pins.get(row.layer())))
                                                .toList()))
                        .toList(),
                table.fixed());
    }

    /** Names the limit that is infeasible by itself, or else the first that is infeasible together with the others. */
    private static BadInput infeasible(Table table, Budget budget, Duration limit) {
        for (boolean alone : new boolean[] {true, false}) {
            for (var resource : Resource.values()) {
                double wanted = resource.limit(budget);
                var program = new Program(table);
                for (var other : Resource.values()) {
                    program.limit(other, alone || other == resource ? Double.POSITIVE_INFINITY : other.limit(budget));
                }
                var least = wanted == Double.POSITIVE_INFINITY
                        ? null
                        : program.minimize(resource, resource, limit.toMillis() / 1e3)
                                .orElse(null);
                if (least != null && resource.of(least) > wanted) {
                    return new BadInput("budget: no choice of bits keeps %s within %s; the smallest feasible%s is %s"
                            .formatted(
                                    resource.label(),
                                    resource.show(wanted),
                                    alone ? "" : " with the other limits",
                                    resource.show(resource.of(least))));
                }
            }
        }
        return new BadInput(
                "budget: layers that read the same activation cannot agree on its width; pin fewer of them");
    }
}
