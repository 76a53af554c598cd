package dev.quantline.quantize.export;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.MemoryLimit;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.Pass;
import dev.quantline.onnx.runtime.Processor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.EvaluationPart;
import dev.quantline.quantize.evaluate.Latency;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.FloatKernels;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.settings.Products;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;

/** The export stage: writes a plan to a file and evaluates the file as its user would run it. */
public final class Exporter {
    /** The name of the file that is written. */
    public static final String MODEL = "model.onnx";
    /** Latencies differ by up to this factor from one measurement to the next. */
    private static final double SLOWER = 1.1;

    private Exporter() {}

    /**
     * What to export and how to evaluate it.
     *
     * @param job        id for the report
     * @param recipe     preset for the report
     * @param original   the model as given
     * @param model      tuned float model that the plan belongs to
     * @param table      result of calibration, for the report
     * @param target     where the file will run
     * @param allocated  how the plan's widths were chosen; empty if they are uniform
     * @param evaluation data on which the models are compared
     * @param measure    the metric
     * @param goal       largest drop of the metric allowed; empty for none
     * @param tuning     the steps of tuning, for the report
     * @param products   how products with 4-bit weights in blocks are written
     * @param batch      number of samples run at once
     */
    public record Job(
            String job,
            String recipe,
            Path original,
            Graph model,
            QuantizationPlan plan,
            CalibrationTable table,
            Target target,
            Optional<Allocated> allocated,
            Samples evaluation,
            Measure measure,
            OptionalDouble goal,
            List<Report.Step> tuning,
            Report.Provenance provenance,
            Products products,
            int batch,
            Provider provider) {}

    /**
     * How widths were chosen.
     *
     * @param losses of each layer by itself, by layer and by width ({@code weights/activations})
     * @param front  the best plans for all sizes
     * @param notes  for the report
     */
    public record Allocated(
            Report.Allocation summary,
            Map<String, Map<String, Double>> losses,
            List<Report.Point> front,
            List<String> notes) {}

    /**
     * The graph of a plan as it is written to a file.
     *
     * @param compact whether to minimize what surrounds the weights: short names, equal constants stored once
     */
    public static Graph finish(Graph model, QuantizationPlan plan, Products products, boolean compact) {
        return finish(model, plan.applyTo(model), products, compact);
    }

    private static Graph finish(Graph model, Graph written, Products products, boolean compact) {
        var passes = new ArrayList<Pass>();
        if (products == Products.MATMULNBITS) {
            passes.add(new BlockProducts());
        }
        passes.add(new Packing());
        if (compact) {
            passes.add(new Compact(model));
        }
        return Pass.all(passes, written).graph();
    }

    /** Size in bytes of the file for another model and plan of the job, made as small as possible. */
    public static long size(Job job, Graph model, QuantizationPlan plan) {
        return ModelFile.size(finish(model, plan, job.products(), true).withMetadata(metadata(job, plan)));
    }

    /**
     * Writes a file and evaluates it. The report is returned, not written, because the caller knows the times of the stages.
     *
     * @throws BadInput as {@link #write}, and if the evaluation data does not fit
     */
    public static Report export(Job job, Path folder, Progress progress) throws IOException {
        var written = write(job, folder);
        var all = new EvaluationPart.Range(0, job.evaluation().size());
        var file = folder.resolve(MODEL);
        return judged(job, file, written, List.of(evaluate(job, file, written, all, () -> false, progress)));
    }

    /**
     * Writes {@code model.onnx} into a folder, which is created if need be, checks it, loads it at ONNX Runtime's highest optimization
     * level and runs it.
     *
     * @return the report without what {@link #judged} adds
     * @throws BadInput if the checker or ONNX Runtime rejects the result, or the result does not compute what the plan does
     */
    public static Report write(Job job, Path folder) throws IOException {
        var file = Files.createDirectories(folder).resolve(MODEL);
        var simulated = job.plan().applyTo(job.model());
        var saturation = Saturation.of(job.model(), simulated, job.plan(), job.table(), job.target());
        var notes = Notes.of(ModelFile.read(job.original()), job.model());
        var usage = Usage.of(write(job, simulated, file, notes), job.evaluation());
        var kernels = Kernels.of(file, job.provider());
        var latency = latency(job, file);
        var compared = ComparedOutputs.of(ModelFile.read(job.original())).in(simulated);
        try (var before = compared.open(job.original(), job.provider(), Session.Optimization.ALL);
                var after = compared.open(file, job.provider(), optimization(saturation))) {
            var verified = Verification.of(after, before, compared.beside(simulated), job.evaluation(), job.provider());
            var machine = machine(
                    optimization(saturation) == Session.Optimization.EXACT,
                    Session.leavesWeightsInFile(job.original()) || Session.leavesWeightsInFile(file));
            return report(job, file, latency, new Checked(notes, kernels, verified, saturation, machine, usage));
        }
    }

    /** Integer kernels that saturate on this processor are not what a file is judged by. */
    private static Session.Optimization optimization(Saturation saturation) {
        boolean exactly = !saturation.saturating().isEmpty() && Processor.saturates();
        return exactly ? Session.Optimization.EXACT : Session.Optimization.ALL;
    }

    /**
     * Compares a written file with the original on some samples.
     *
     * @param written what {@link #write} reported of it
     * @param stop    asked after each batch
     */
    public static EvaluationPart evaluate(
            Job job, Path file, Report written, EvaluationPart.Range range, BooleanSupplier stop, Progress progress)
            throws IOException {
        var compared = ComparedOutputs.of(ModelFile.read(job.original())).in(ModelFile.read(file));
        try (var before = compared.open(job.original(), job.provider(), Session.Optimization.ALL);
                var after = compared.open(file, job.provider(), optimization(written.saturation()))) {
            return EvaluationPart.run(
                    before, after, job.evaluation(), range, job.measure(), job.batch(), stop, progress);
        }
    }

    /**
     * The complete report: with the metric, the closeness of the outputs, and the verdict.
     *
     * @param written what {@link #write} reported
     * @param parts   what {@link #evaluate} gave for all samples
     */
    public static Report judged(Job job, Path file, Report written, List<EvaluationPart> parts) throws IOException {
        var compared = ComparedOutputs.of(ModelFile.read(job.original())).in(ModelFile.read(file));
        var result = Evaluation.of(parts, job.measure(), job.evaluation().dataset());
        var outputs = JudgedOutput.of(result, compared);
        var fidelity = new Report.Closeness(
                result.fidelity().cosine(), result.fidelity().sqnrDb());
        return written.withEvaluation(
                Verdict.of(result, outputs, job.goal(), advice(written)),
                new Report.Value(result.metric(), result.baseline().orElse(1)),
                new Report.Value(result.metric(), result.changed().orElse(fidelity.cosine())),
                fidelity,
                outputs,
                new Report.Judged(
                        result.metric(), judged(result), job.evaluation().size()));
    }

    private static double[] latency(Job job, Path file) {
        try (var before = Session.open(job.original(), job.provider(), Session.Optimization.ALL);
                var after = Session.open(file, job.provider(), Session.Optimization.ALL)) {
            return Latency.compare(before, after, sample(job));
        }
    }

    private static Report.Machine machine(boolean exactly, boolean fromFiles) {
        var processor = Processor.current();
        return new Report.Machine(
                processor.name(),
                processor.integerInstructions(),
                Processor.saturates(),
                (fromFiles
                                ? "latency with weights read from the file, for "
                                        + MemoryLimit.WEIGHTS_IN_MEMORY.property()
                                        + ": slower than where they fit into memory"
                                : "latency as ONNX Runtime runs the file by default")
                        + (exactly
                                ? "; metric and fidelity computed exactly, because its integer kernels saturate here"
                                : "; metric and fidelity as ONNX Runtime runs the file by default"));
    }

    /** The results of checking a file. */
    private record Checked(
            List<String> notes,
            Kernels kernels,
            Verification simulation,
            Saturation saturation,
            Report.Machine machine,
            Usage usage) {}

    /**
     * Writes the file; if ONNX Runtime rejects packed codes, they are stored in a byte each.
     *
     * @param notes receives what the user of the file should know
     * @return the graph that was written
     */
    private static Graph write(Job job, Graph simulated, Path file, List<String> notes) throws IOException {
        var packed = finish(
                        job.model(), simulated, job.products(), job.allocated().isPresent())
                .withMetadata(metadata(job, job.plan()));
        OnnxLibrary.check(packed);
        ModelFile.write(packed, file);
        try {
            Session.open(file, job.provider(), Session.Optimization.ALL).close();
            Runtimes.note(packed).ifPresent(notes::add);
            return packed;
        } catch (BadInput refused) {
            if (packed.opset() == simulated.opset()) {
                throw refused;
            }
            var plain = simulated.withMetadata(metadata(job, job.plan()));
            OnnxLibrary.check(plain);
            ModelFile.write(plain, file);
            Session.open(file, job.provider(), Session.Optimization.ALL).close();
            notes.add("4-bit codes are stored in a byte each: packed, " + refused.getMessage());
            return plain;
        }
    }

    private static Map<String, Tensor> sample(Job job) {
        var sample = new ArrayList<Map<String, Tensor>>();
        job.evaluation()
                .forEachBatch(
                        0,
                        Math.min(job.evaluation().batchSize(1), job.evaluation().size()),
                        1,
                        fed -> sample.add(fed.arrays()));
        return sample.getFirst();
    }

    private static Map<String, String> metadata(Job job, QuantizationPlan plan) {
        var origin = job.provenance();
        // Sorted: the order of Map.of differs between processes, and equal jobs must give equal files.
        return new TreeMap<>(Map.of(
                "quantline.version",
                origin.version(),
                "quantline.recipe",
                job.recipe(),
                "quantline.model.sha256",
                origin.modelSha256(),
                "quantline.data.sha256",
                origin.dataSha256(),
                "quantline.settings.sha256",
                origin.settingsSha256(),
                "quantline.seed",
                Long.toString(origin.seed()),
                "quantline.layers",
                Layers.describe(job.model(), plan),
                "quantline.target",
                job.target().label()));
    }

    private static Report report(Job job, Path file, double[] latency, Checked checked) throws IOException {
        var layers = Layers.of(
                job.model(),
                job.plan(),
                job.table(),
                job.allocated().map(Allocated::losses).orElse(Map.of()));
        return new Report(
                job.job(),
                null,
                null,
                job.recipe(),
                new Report.Original(ModelFile.bytes(job.original()), null, latency[0]),
                null,
                new Report.Quantized(
                        ModelFile.bytes(file),
                        null,
                        latency[1],
                        Layers.weightBits(job.model(), job.plan()),
                        Layers.activationBits(job.plan())),
                null,
                List.of(),
                job.evaluation().batchSize(1),
                layers,
                job.tuning(),
                Map.of(),
                notes(job, checked, latency),
                checked.kernels(),
                checked.simulation(),
                job.allocated().map(Allocated::summary).orElse(null),
                job.allocated().map(Allocated::front).orElse(List.of()),
                job.provenance(),
                checked.saturation(),
                checked.machine(),
                null,
                checked.usage(),
                null);
    }

    /** The outputs that a metric reads; null if every output is compared and the farthest counts. */
    private static String judged(Evaluation result) {
        return result.lookedAt().isEmpty() ? null : String.join(", ", result.lookedAt());
    }

    /** Facts that its user would otherwise have to find out. */
    private static List<String> notes(Job job, Checked checked, double[] latency) {
        var notes = new ArrayList<>(job.allocated().map(Allocated::notes).orElse(List.of()));
        notes.addAll(checked.notes());
        var constants = job.model().initializers();
        var floating = job.model().nodes().stream()
                .filter(node -> node.is("Conv")
                        && constants.containsKey(node.input(1))
                        && FloatKernels.isFaster(node, constants.get(node.input(1))))
                .map(Node::name)
                .toList();
        if (!floating.isEmpty()) {
            notes.add(
                    "computed in float, which is faster for volumes with few channels: " + String.join(", ", floating));
        }
        job.model().outputs().stream()
                .filter(output -> ValueInfos.type(output).isEmpty())
                .forEach(output -> notes.add("output '" + output.getName()
                        + "' is not a tensor of numbers: the tensors that it was made from are evaluated instead"));
        if (latency[1] > latency[0] * SLOWER) {
            notes.add(
                    "one sample takes %.2f ms, but %.2f ms in the float model: on this processor the quantized model is smaller, not faster"
                            .formatted(latency[1], latency[0]));
        }
        return notes;
    }

    private static String advice(Report written) {
        return Optional.ofNullable(written.allocation())
                .map(Report.Allocation::budget)
                .map(size -> " within %s of the float model's size: a larger allocate.size may keep the goal"
                        .formatted(size))
                .orElse("");
    }
}
