package dev.quantline.quantize.allocate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Width;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A plan that really keeps a budget.
 *
 * @param allocation the solution, with the actual size of the file
 * @param model      float model assembled for it
 * @param plan       plan assembled for it
 */
public record Choice(Allocation allocation, Graph model, QuantizationPlan plan) {
    /** Size in bytes of the file exported from a float model and a plan. */
    public interface FileSize {
        long of(Graph model, QuantizationPlan plan);
    }

    /** Limit of work per question; a network of 200 layers takes half a second. */
    private static final Duration LIMIT = Duration.ofSeconds(10);
    /** Sizes in the table are a few bytes off: the budget is tightened by the excess at most this many times. */
    private static final int ATTEMPTS = 6;

    /**
     * The table including the bytes that codes and scales leave out, measured on the files of the candidate plans: the fixed
     * part, and what a layer adds at each width, divided evenly among the layers.
     */
    public static Table withStructure(Table table, Candidates candidates, FloatModels models, FileSize size) {
        long fixed = structure(candidates.basePlan(), models.ofBase(), size);
        var extra = new HashMap<Width, Long>();
        for (var width : candidates.widths()) {
            long more = width.equals(candidates.base())
                    ? 0
                    : structure(candidates.plans().get(width), models.of(width), size) - fixed;
            extra.put(width, Math.ceilDiv(more, Math.max(1, table.rows().size())));
        }
        return new Table(
                table.rows().stream()
                        .map(row -> new Table.Row(
                                row.layer(),
                                row.op(),
                                row.grid(),
                                row.options().stream()
                                        .map(option -> new Table.Option(
                                                option.width(),
                                                option.loss(),
                                                Math.max(0, option.bytes() + extra.get(option.width())),
                                                option.bitOperations(),
                                                option.milliseconds()))
                                        .toList()))
                        .toList(),
                fixed);
    }

    private static long structure(QuantizationPlan plan, Graph model, FileSize size) {
        return size.of(model, plan)
                - plan.weights().stream()
                        .mapToLong(
                                weight -> Storage.bytes(model.initializers().get(weight.tensor()), weight.quantizer()))
                        .sum();
    }

    /**
     * Solves, assembles the plan and checks its real size; if that is too large, the budget is tightened and solved
     * again.
     *
     * @param size size of the file for a plan
     * @throws BadInput if the budget cannot be kept; the message names the smallest possible file
     */
    public static Choice of(Table table, Candidates candidates, FloatModels models, Budget budget, FileSize size) {
        if (budget.bytes() == null) {
            return of(Allocator.solve(table, budget, LIMIT), candidates, models, size);
        }
        long room = budget.bytes();
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            var found = Allocator.find(table, budget.withBytes(Math.max(0, room)), LIMIT);
            if (found.isEmpty()) {
                break;
            }
            var choice = of(found.get(), candidates, models, size);
            if (choice.allocation().bytes() <= budget.bytes()) {
                return choice;
            }
            room -= choice.allocation().bytes() - budget.bytes();
        }
        var smallest = smallest(table, candidates, models, budget, size);
        if (smallest.allocation().bytes() > budget.bytes()) {
            throw new BadInput("budget: no choice of bits keeps size within %d bytes; the smallest feasible is %d bytes"
                    .formatted(budget.bytes(), smallest.allocation().bytes()));
        }
        return smallest;
    }

    /**
     * The smallest file that keeps a budget's other limits.
     *
     * @throws BadInput if they cannot be kept
     */
    public static Choice smallest(
            Table table, Candidates candidates, FloatModels models, Budget budget, FileSize size) {
        return of(Allocator.solve(table, budget.smallest(), LIMIT), candidates, models, size);
    }

    /** The plan of a solved allocation, and its actual size. */
    public static Choice of(Allocation solved, Candidates candidates, FloatModels models, FileSize size) {
        var model = models.splice(solved.widths());
        var plan = candidates.splice(solved.widths(), inputs(model, candidates.layers()));
        return new Choice(
                new Allocation(
                        solved.widths(),
                        solved.loss(),
                        size.of(model, plan),
                        solved.bitOperations(),
                        solved.milliseconds(),
                        solved.gap()),
                model,
                plan);
    }

    private static Map<String, List<String>> inputs(Graph model, List<String> layers) {
        return model.nodes().stream()
                .filter(node -> layers.contains(node.name()))
                .collect(Collectors.toMap(Node::name, Node::inputs));
    }
}
