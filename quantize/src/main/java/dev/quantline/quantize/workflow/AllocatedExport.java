package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.allocate.Allocation;
import dev.quantline.quantize.allocate.Budget;
import dev.quantline.quantize.allocate.Candidates;
import dev.quantline.quantize.allocate.Choice;
import dev.quantline.quantize.allocate.FloatModels;
import dev.quantline.quantize.allocate.Pareto;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.allocate.Sensitivity;
import dev.quantline.quantize.allocate.Table;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.evaluate.OutputLoss;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Judge;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Width;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Chooses widths from measured sensitivities: the best plan within a budget, or the smallest plan
 * within it that keeps a goal.
 *
 * @param job         for {@link Exporter}; its model and plan are those of the base width
 * @param models      the float model before tuning, and with the weights for each width
 * @param allocate    the budget
 * @param calibration data on which the sensitivities were measured
 */
public record AllocatedExport(
        Exporter.Job job,
        Recipe.Allocate allocate,
        Candidates candidates,
        FloatModels models,
        Sensitivities sensitivities,
        Samples calibration) {
    private static final double PERCENT = 100;

    /** The loss of a layer on the calibration data, as the recipe defines it. */
    static OutputLoss judge(Recipe.Allocate allocate, Measure measure, Samples calibration) throws IOException {
        return OutputLoss.of(measure, calibration.dataset(), allocate.judge() == Judge.TASK);
    }

    /**
     * Solves and measures.
     *
     * @return the job with the chosen plan, for {@link Exporter}
     *
     * @throws dev.quantline.onnx.BadInput if the budget cannot be kept; the message names the smallest feasible one
     */
    public Exporter.Job solve(Progress progress) throws IOException {
        long floatBytes = ModelFile.bytes(job.original());
        var table = Choice.withStructure(sensitivities.table(), candidates, models, this::size);
        var asked = budget(table, floatBytes);
        var outOfReach = outOfReach(table, asked);
        var budget = outOfReach.map(asked::withBytes).orElse(asked);
        var choice = Choice.of(table, candidates, models, budget, this::size);
        progress.report(0, "solving for other sizes");
        var front = Pareto.front(table, budget);
        var kept = job.goal().isPresent() ? smallest(front, choice, progress.part(0, 0.7)) : Optional.<Choice>empty();
        progress.report(0.7, "measuring plans as a whole");
        var measured = measured(kept.orElse(choice), front);
        choice = kept.orElse(best(choice, measured));
        var allocated = allocated(choice, measured, front, floatBytes, outOfReach);
        return new Exporter.Job(
                job.job(),
                job.recipe(),
                job.original(),
                choice.model(),
                choice.plan(),
                job.table(),
                job.target(),
                Optional.of(allocated),
                job.evaluation(),
                job.measure(),
                job.goal(),
                job.tuning(),
                job.provenance(),
                job.products(),
                job.batch(),
                job.provider());
    }

    private long size(Graph model, QuantizationPlan plan) {
        return Exporter.size(job, model, plan);
    }

    /** Bytes of the smallest file if the target size is out of reach. */
    private Optional<Long> outOfReach(Table table, Budget asked) {
        if (allocate.aim().isEmpty()) {
            return Optional.empty();
        }
        long smallest = Choice.smallest(table, candidates, models, asked, this::size)
                .allocation()
                .bytes();
        return Optional.of(smallest).filter(bytes -> bytes > asked.bytes());
    }

    private Budget budget(Table table, long floatBytes) {
        var bytes = allocate.size()
                .or(allocate::aim)
                .map(size -> (long) (size * floatBytes))
                .orElse(null);
        var operations = allocate.bitOperations()
                .map(share -> share
                        * table.rows().stream()
                                .mapToDouble(row -> row.options().stream()
                                        .mapToDouble(Table.Option::bitOperations)
                                        .max()
                                        .orElseThrow())
                                .sum())
                .orElse(null);
        return new Budget(
                bytes,
                operations,
                allocate.latency().orElse(null),
                allocate.loss().orElse(null),
                allocate.pinned().entrySet().stream()
                        .collect(Collectors.toMap(Map.Entry::getKey, pin -> Width.parse(pin.getValue()))));
    }

    /** The smallest plan that keeps the goal, found by bisection; empty if not even the plan for the whole budget does. */
    private Optional<Choice> smallest(List<Allocation> front, Choice largest, Progress progress) throws IOException {
        if (!keepsGoal(largest)) {
            return Optional.empty();
        }
        var smaller = front.stream()
                .filter(one -> one.bytes() < largest.allocation().bytes())
                .toList();
        var best = largest;
        int low = 0;
        int high = smaller.size();
        while (low < high) {
            progress.report(
                    1 - (double) (high - low) / (smaller.size() + 1),
                    "searching for the smallest model that keeps the goal");
            int middle = low + high >>> 1;
            var tried = Choice.of(smaller.get(middle), candidates, models, this::size);
            if (keepsGoal(tried)) {
                best = tried;
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return Optional.of(best);
    }

    private boolean keepsGoal(Choice choice) throws IOException {
        var quantized = choice.plan().applyTo(choice.model());
        var compared = ComparedOutputs.of(ModelFile.read(job.original())).in(quantized);
        try (var before = compared.open(job.original(), job.provider(), Session.Optimization.EXACT);
                var after = Session.open(compared.beside(quantized), job.provider(), Session.Optimization.EXACT)) {
            var result = Evaluation.run(before, after, job.evaluation(), job.measure(), job.batch(), Progress.none());
            double drop = result.baseline().isPresent()
                    ? result.drop()
                    : 1 - result.fidelity().cosine();
            return drop <= job.goal().orElseThrow();
        }
    }

    /** Losses of whole plans: the chosen one, the smallest, and one in between. */
    private Map<Choice, Double> measured(Choice choice, List<Allocation> front) throws IOException {
        var measured = new LinkedHashMap<Choice, Double>();
        measured.put(choice, measure(choice));
        for (var other : List.of(front.getFirst(), front.get(front.size() / 2))) {
            if (!other.widths().equals(choice.allocation().widths())) {
                var plan = Choice.of(other, candidates, models, this::size);
                measured.put(plan, measure(plan));
            }
        }
        return measured;
    }

    /** Losses do not quite add up: a smaller plan that turns out better as a whole is preferred. */
    private static Choice best(Choice choice, Map<Choice, Double> measured) {
        return measured.keySet().stream()
                .filter(other ->
                        other.allocation().bytes() <= choice.allocation().bytes())
                .min(Comparator.comparing(measured::get))
                .orElseThrow();
    }

    /** The report's section: predictions for all sizes, and the measured losses. */
    private Exporter.Allocated allocated(
            Choice choice,
            Map<Choice, Double> measured,
            List<Allocation> front,
            long floatBytes,
            Optional<Long> outOfReach) {
        var points = new ArrayList<Report.Point>();
        measured.forEach((plan, loss) -> points.add(point(plan.allocation(), floatBytes, loss, plan == choice)));
        var widths = measured.keySet().stream()
                .map(plan -> plan.allocation().widths())
                .toList();
        front.stream()
                .filter(one -> !widths.contains(one.widths()))
                .forEach(one -> points.add(point(one, floatBytes, null, false)));
        points.sort(Comparator.comparing(Report.Point::bytes));
        var budget = outOfReach.isPresent()
                ? Optional.<Double>empty()
                : allocate.size().or(allocate::aim);
        var summary = new Report.Allocation(
                sensitivities.loss(),
                sensitivities.samples(),
                budget.orElse(null),
                job.goal().stream().boxed().findFirst().orElse(null),
                choice.allocation().loss(),
                measured.get(choice),
                choice.allocation().gap());
        return new Exporter.Allocated(
                summary,
                sensitivities.losses(),
                points,
                outOfReach
                        .map(bytes ->
                                ("no choice of widths reaches %.0f %% of the float model's size, the default target:"
                                                + " this is the smallest possible file, with %.1f %%")
                                        .formatted(
                                                PERCENT * allocate.aim().orElseThrow(), PERCENT * bytes / floatBytes))
                        .stream()
                        .toList());
    }

    private static Report.Point point(Allocation allocation, long floatBytes, Double measured, boolean chosen) {
        return new Report.Point(
                (double) allocation.bytes() / floatBytes, allocation.bytes(), allocation.loss(), measured, chosen);
    }

    private double measure(Choice choice) throws IOException {
        int to = calibration.size();
        return Sensitivity.loss(
                models.calibrated(),
                choice.plan().applyTo(choice.model()),
                calibration,
                to - sensitivities.samples(),
                to,
                job.batch(),
                judge(allocate, job.measure(), calibration),
                job.provider());
    }
}
