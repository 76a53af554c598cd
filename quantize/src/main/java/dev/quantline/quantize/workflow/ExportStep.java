package dev.quantline.quantize.workflow;

import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.allocate.Sensitivity;
import dev.quantline.quantize.allocate.Table;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.EvaluationPart;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.export.ReportPlots;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;

/**
 * Writes the quantized model and compares it with the original. If widths are allocated, the sensitivities of the layers are
 * measured first, a few layers at a time, and the allocation is solved from them.
 *
 * @param job      id for the report
 * @param original the model as given
 */
public record ExportStep(
        String job,
        Path original,
        TunedModel tuned,
        QuantizationSettings settings,
        Report.Provenance provenance,
        Resources resources) {
    private static final long SEED = 0;
    /** Number of layers measured together: a minute at most, even if a batch takes a second. */
    private static final int GROUP = 8;
    /** Number of samples for sensitivities, the last ones of the calibration data: tuning trains on the first. */
    private static final int SAMPLES = 64;
    /** Share of the time that choosing widths takes. */
    private static final double CHOOSING = 0.6;

    /** Everything that a result depends on, from the SHA-256 of the model and of the calibration data. */
    public static Report.Provenance provenance(
            String modelSha256, String dataSha256, QuantizationSettings settings, String version) {
        return new Report.Provenance(modelSha256, dataSha256, settings.sha256(), version, SEED);
    }

    /**
     * What widths are chosen from.
     *
     * @param calibration the data that sensitivities were measured on
     */
    public record Measured(Sensitivities sensitivities, List<Path> calibration) {}

    /**
     * Exports, with {@code model.onnx} in a folder.
     *
     * @param measured empty if the tuned plan has its widths
     */
    public Exported run(Optional<Measured> measured, List<Path> evaluation, Path folder, Progress progress)
            throws IOException {
        double chosen = measured.isPresent() ? CHOOSING : 0;
        var written = write(measured, evaluation, folder, progress.part(0, chosen));
        var file = folder.resolve(Exporter.MODEL);
        var all = ranges(evaluation, Integer.MAX_VALUE).getFirst();
        var parts = List.of(evaluate(written.report(), file, evaluation, all, () -> false, progress.part(chosen, 1)));
        var fineTuned = tuned.isFineTuned()
                ? List.of(evaluateFineTuned(evaluation, all, () -> false, Progress.none()))
                : List.<EvaluationPart>of();
        return new Exported(report(written.report(), file, evaluation, parts, fineTuned), written.plan());
    }

    /**
     * Writes {@code model.onnx} into a folder, and checks it.
     *
     * @param measured empty if the tuned plan has its widths
     * @return the report without what evaluation shows
     */
    public Exported write(Optional<Measured> measured, List<Path> evaluation, Path folder, Progress progress)
            throws IOException {
        try (var samples = settings.data().open(evaluation, tuned.model())) {
            var job = measured.isPresent() ? allocated(job(samples), measured.get(), progress) : job(samples);
            return new Exported(Exporter.write(job, folder), job.plan());
        }
    }

    private Exporter.Job allocated(Exporter.Job job, Measured measured, Progress progress) throws IOException {
        var recipe = settings.recipe();
        try (var calibrated = settings.data().open(measured.calibration(), tuned.model())) {
            return new AllocatedExport(
                            job,
                            recipe.allocate().orElseThrow(),
                            tuned.candidates(recipe),
                            tuned.models(recipe),
                            measured.sensitivities(),
                            calibrated)
                    .solve(progress);
        }
    }

    /** The parts of the evaluation data that machines may share. @param worth samples in a part, at least */
    public List<EvaluationPart.Range> ranges(List<Path> evaluation, int worth) throws IOException {
        try (var samples = settings.data().open(evaluation, tuned.model())) {
            return EvaluationPart.Range.of(samples, resources.batch(), worth);
        }
    }

    /**
     * Compares a written file with the original on some of the samples.
     *
     * @param written what was reported when it was written
     * @param stop    asked after each batch
     */
    public EvaluationPart evaluate(
            Report written,
            Path file,
            List<Path> evaluation,
            EvaluationPart.Range range,
            BooleanSupplier stop,
            Progress progress)
            throws IOException {
        try (var samples = settings.data().open(evaluation, tuned.model())) {
            return Exporter.evaluate(job(samples), file, written, range, stop, progress);
        }
    }

    /** Compares the float model that fine-tuning left with the original: half the truth about a fine-tuned model. */
    public EvaluationPart evaluateFineTuned(
            List<Path> evaluation, EvaluationPart.Range range, BooleanSupplier stop, Progress progress)
            throws IOException {
        var graph = tuned.calibrated().orElseThrow();
        var compared = ComparedOutputs.of(ModelFile.read(original)).in(graph);
        var provider = resources.provider();
        try (var samples = settings.data().open(evaluation, tuned.model());
                var before = compared.open(original, provider, Session.Optimization.ALL);
                var after = Session.open(compared.beside(graph), provider, Session.Optimization.ALL)) {
            return EvaluationPart.run(
                    before, after, samples, range, settings.measure(), resources.batch(), stop, progress);
        }
    }

    /**
     * The complete report, which also says what of the data has no effect.
     *
     * @param written   what was reported when the file was written
     * @param parts     of {@link #evaluate}, for all samples in their order
     * @param fineTuned the same of {@link #evaluateFineTuned}; empty if nothing was fine-tuned
     */
    public Report report(
            Report written,
            Path file,
            List<Path> evaluation,
            List<EvaluationPart> parts,
            List<EvaluationPart> fineTuned)
            throws IOException {
        try (var samples = settings.data().open(evaluation, tuned.model())) {
            var read = settings.measure().own().map(CustomMetricGraph::reads).orElse(Set.of());
            var report = Exporter.judged(job(samples), file, written, parts).withNotes(samples.unused(read));
            if (fineTuned.isEmpty()) {
                return report;
            }
            var result = Evaluation.of(fineTuned, settings.measure(), samples.dataset());
            return report.withFineTuned(
                    result.changed().orElse(result.fidelity().cosine()));
        }
    }

    /** Measures all layers. */
    public Measured measure(List<Path> calibration, Progress progress) throws IOException {
        var groups = layerGroups();
        var measured = new ArrayList<Sensitivities>();
        for (var group : groups) {
            var part = progress.part((double) measured.size() / groups.size(), (measured.size() + 1.0) / groups.size());
            measured.add(sensitivities(group, calibration, part));
        }
        return new Measured(Sensitivities.join(measured), calibration);
    }

    /** The layers with a choice of width, in groups that can be measured independently: two if there are two layers. */
    public List<Set<String>> layerGroups() {
        var layers = tuned.candidates(settings.recipe()).layers();
        var groups = new ArrayList<Set<String>>();
        int size = Math.clamp(Math.ceilDiv(layers.size(), 2), 1, GROUP);
        for (int from = 0; from < layers.size(); from += size) {
            groups.add(new TreeSet<>(layers.subList(from, Math.min(layers.size(), from + size))));
        }
        return groups;
    }

    /** Measures the effect of quantizing each of some layers alone, at every width that it may get. */
    public Sensitivities sensitivities(Set<String> layers, List<Path> calibration, Progress progress)
            throws IOException {
        var recipe = settings.recipe();
        try (var samples = settings.data().open(calibration, tuned.model())) {
            var judge = AllocatedExport.judge(recipe.allocate().orElseThrow(), settings.measure(), samples);
            int from = Math.max(0, samples.size() - SAMPLES);
            var table = layers.isEmpty()
                    ? new Table(List.of(), 0)
                    : Sensitivity.measure(
                            tuned.models(recipe),
                            tuned.candidates(recipe),
                            layers,
                            samples,
                            from,
                            samples.size(),
                            resources.batch(),
                            judge,
                            resources.provider(),
                            resources.spilling(),
                            progress);
            return new Sensitivities(judge.label(), samples.size() - from, table);
        }
    }

    /** The input of the exporter. */
    public Exporter.Job job(Samples evaluation) {
        var recipe = settings.recipe();
        return new Exporter.Job(
                job,
                recipe.preset(),
                original,
                tuned.model(),
                tuned.plan(),
                tuned.table(),
                settings.target(),
                Optional.empty(),
                evaluation,
                settings.measure(),
                recipe.goal().map(Recipe.Goal::drop).map(OptionalDouble::of).orElse(OptionalDouble.empty()),
                tuned.steps(),
                provenance,
                recipe.products(),
                resources.batch(),
                resources.provider());
    }

    /** The charts of the report's page. */
    public ReportPlots plots() {
        return ReportPlots.of(tuned.table(), tuned.plan());
    }
}
