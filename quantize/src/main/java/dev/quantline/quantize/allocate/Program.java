package dev.quantline.quantize.allocate;

import com.google.ortools.Loader;
import com.google.ortools.sat.BoolVar;
import com.google.ortools.sat.CpModel;
import com.google.ortools.sat.CpSolver;
import com.google.ortools.sat.CpSolverStatus;
import com.google.ortools.sat.LinearExpr;
import com.google.ortools.sat.Literal;
import dev.quantline.quantize.settings.Width;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.DoubleStream;

/** A table as a CP-SAT model with one Boolean per option and integer costs. For a single question. */
final class Program {
    /** Bits of the units of the objective and of the tie-breaker: their product, times the options of a layer, fits in 62 bits. */
    private static final int FIRST = 32;

    private static final int SECOND = 22;
    /** No limit is larger than this power of two. */
    private static final int LARGEST = 50;
    /** One worker: several would race, and the same question could get different answers of equal value. */
    private static final int WORKERS = 1;
    /** Smaller gaps are rounding errors, because bounds are doubles. */
    private static final double PROVEN = 1e-12;

    static {
        Loader.loadNativeLibraries();
    }

    private final Table table;
    private final CpModel model = new CpModel();
    private final List<List<BoolVar>> chosen = new ArrayList<>();

    Program(Table table) {
        this.table = table;
        for (var row : table.rows()) {
            var variables = new ArrayList<BoolVar>();
            row.options().forEach(option -> variables.add(model.newBoolVar(row.layer() + " " + option.width())));
            chosen.add(variables);
            model.addExactlyOne(variables.toArray(Literal[]::new));
        }
        shareGrids();
    }

    /** Layers that share a grid have the same activation width: each agrees with the previous one on its grid. */
    private void shareGrids() {
        var before = new HashMap<String, Integer>();
        for (int i = 0; i < table.rows().size(); i++) {
            String grid = table.rows().get(i).grid();
            Integer other = grid.isEmpty() ? null : before.put(grid, i);
            if (other != null) {
                var one = byActivation(other);
                var two = byActivation(i);
                var widths = new TreeSet<>(one.keySet());
                widths.addAll(two.keySet());
                for (int width : widths) {
                    model.addEquality(sum(one.getOrDefault(width, List.of())), sum(two.getOrDefault(width, List.of())));
                }
            }
        }
    }

    private static LinearExpr sum(List<Literal> literals) {
        return LinearExpr.sum(literals.toArray(Literal[]::new));
    }

    private Map<Integer, List<Literal>> byActivation(int layer) {
        var literals = new TreeMap<Integer, List<Literal>>();
        var options = table.rows().get(layer).options();
        for (int k = 0; k < options.size(); k++) {
            literals.computeIfAbsent(options.get(k).width().activations(), key -> new ArrayList<>())
                    .add(chosen.get(layer).get(k));
        }
        return literals;
    }

    /** Limits a resource: sizes exactly, fractional costs rounded up against a limit rounded down. */
    void limit(Resource resource, double most) {
        if (most < Double.POSITIVE_INFINITY) {
            var scale = new Scale(resource, FIRST);
            double unit = resource == Resource.SIZE ? 1 : scale.unit();
            var costs = LinearExpr.newBuilder();
            each((i, option, variable) ->
                    costs.addTerm(variable, (long) Math.ceil((resource.of(option) - scale.least()[i]) / unit)));
            double room = Math.floor((most
                            - resource.fixed(table)
                            - DoubleStream.of(scale.least()).sum())
                    / unit);
            model.addLessOrEqual(costs, (long) Math.clamp(room, -1.0, 1L << LARGEST));
        }
    }

    /**
     * The allocation with the least {@code first}, and among equals the one with the least {@code second}.
     *
     * @param seconds limit on CP-SAT's deterministic clock, after which the best allocation so far is returned: it counts work,
     *                roughly one second per second, so that a busy machine gives the same answer as an idle one
     * @return empty if the limits are infeasible
     */
    Optional<Allocation> minimize(Resource first, Resource second, double seconds) {
        var one = new Scale(first, FIRST);
        var two = new Scale(second, SECOND);
        long weight = (1L << SECOND) + table.rows().size();
        var objective = LinearExpr.newBuilder();
        each((i, option, variable) ->
                objective.addTerm(variable, weight * one.units(i, option) + two.units(i, option)));
        model.minimize(objective);
        var solver = new CpSolver();
        solver.getParameters().setNumWorkers(WORKERS).setRandomSeed(0).setMaxDeterministicTime(seconds);
        var status = solver.solve(model);
        if (status == CpSolverStatus.UNKNOWN) {
            solver.getParameters().clearMaxDeterministicTime().setStopAfterFirstSolution(true);
            status = solver.solve(model);
        }
        return switch (status) {
            case OPTIMAL, FEASIBLE -> Optional.of(allocation(solver));
            case INFEASIBLE -> Optional.empty();
            default -> throw new IllegalStateException("CP-SAT calls the program " + status + ": " + model.validate());
        };
    }

    private Allocation allocation(CpSolver solver) {
        var widths = new TreeMap<String, Width>();
        var sums = new EnumMap<Resource, Double>(Resource.class);
        each((i, option, variable) -> {
            if (solver.booleanValue(variable)) {
                widths.put(table.rows().get(i).layer(), option.width());
                for (var resource : Resource.values()) {
                    sums.merge(resource, resource.of(option), Double::sum);
                }
            }
        });
        double objective = solver.objectiveValue();
        double gap =
                objective <= 0 ? 0 : (objective - Math.clamp(solver.bestObjectiveBound(), 0, objective)) / objective;
        return new Allocation(
                widths,
                sums.get(Resource.LOSS),
                sums.get(Resource.SIZE).longValue() + table.fixed(),
                sums.get(Resource.BIT_OPERATIONS),
                sums.get(Resource.LATENCY),
                gap < PROVEN ? 0 : gap);
    }

    private interface Visitor {
        void visit(int row, Table.Option option, BoolVar variable);
    }

    private void each(Visitor visitor) {
        for (int i = 0; i < table.rows().size(); i++) {
            var options = table.rows().get(i).options();
            for (int k = 0; k < options.size(); k++) {
                visitor.visit(i, options.get(k), chosen.get(i).get(k));
            }
        }
    }

    /** A resource in whole units, each layer relative to its least option. */
    private final class Scale {
        private final Resource resource;
        private final double[] least;
        private final double unit;

        Scale(Resource resource, int bits) {
            this.resource = resource;
            least = extremes(DoubleStream::min).toArray();
            double spread =
                    extremes(DoubleStream::max).sum() - DoubleStream.of(least).sum();
            unit = spread <= 0
                    ? 1
                    : resource == Resource.SIZE ? Math.max(1, spread / (1L << bits)) : spread / (1L << bits);
        }

        private DoubleStream extremes(Function<DoubleStream, OptionalDouble> extreme) {
            return table.rows().stream()
                    .mapToDouble(row -> extreme.apply(row.options().stream().mapToDouble(resource::of))
                            .orElseThrow());
        }

        double[] least() {
            return least;
        }

        double unit() {
            return unit;
        }

        long units(int row, Table.Option option) {
            return (long) Math.rint((resource.of(option) - least[row]) / unit);
        }
    }
}
