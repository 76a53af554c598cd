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

    /** Everything that a result depends on, from the SHA-256 of the model and of the calibration data. */
    public static Report.Provenance provenance(
            String modelSha256, String dataSha256, QuantizationSettings settings, String version) {
        return new Report.Provenance(modelSha256, dataSha256, settings.sha256(), version, SEED);
    }

    /** Exports a tuned plan, with {@code model.onnx} in a folder. */
    public Exported run(List<Path> evaluation, Path folder, Progress progress) throws IOException {
        try (var samples = settings.data().open(evaluation, tuned.model())) {
            var job = job(samples);
            return finished(new Exported(Exporter.export(job, folder, progress), tuned.plan()), job);
        }
    }

    /** Chooses widths from sensitivities and exports, with {@code model.onnx} in a folder. */
    public Exported allocated(
            Sensitivities sensitivities, List<Path> evaluation, List<Path> calibration, Path folder, Progress progress)
            throws IOException {
        var recipe = settings.recipe();
        try (var samples = settings.data().open(evaluation, tuned.model());
                var calibrated = settings.data().open(calibration, tuned.model())) {
            var job = job(samples);
            return finished(
                    new AllocatedExport(
                                    job,
                                    recipe.allocate().orElseThrow(),
                                    tuned.candidates(recipe),
                                    tuned.models(recipe),
                                    sensitivities,
                                    calibrated)
                            .run(folder, progress),
                    job);
        }
    }

    /** Measures all layers and exports: the complete export with allocated widths. */
    public Exported allocated(List<Path> evaluation, List<Path> calibration, Path folder, Progress progress)
            throws IOException {
        var groups = layerGroups();
        var measured = new ArrayList<Sensitivities>();
        for (var group : groups) {
            var part =
                    progress.part(0.5 * measured.size() / groups.size(), 0.5 * (measured.size() + 1) / groups.size());
            measured.add(sensitivities(group, calibration, part));
        }
        return allocated(Sensitivities.join(measured), evaluation, calibration, folder, progress.part(0.5, 1));
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

    /** Adds to the report which data has no effect, and the effect of fine-tuning alone, which is half the truth about the model. */
    private Exported finished(Exported exported, Exporter.Job job) throws IOException {
        var read = settings.measure().own().map(CustomMetricGraph::reads).orElse(Set.of());
        var report = exported.report().withNotes(job.evaluation().unused(read));
        return new Exported(tuned.isFineTuned() ? report.withFineTuned(fineTuned(job)) : report, exported.plan());
    }

    private double fineTuned(Exporter.Job job) throws IOException {
        var graph = tuned.calibrated().orElseThrow();
        var compared = ComparedOutputs.of(ModelFile.read(original)).in(graph);
        try (var before = compared.open(original, job.provider(), Session.Optimization.ALL);
                var after = Session.open(compared.beside(graph), job.provider(), Session.Optimization.ALL)) {
            var result = Evaluation.run(before, after, job.evaluation(), job.measure(), job.batch(), Progress.none());
            return result.changed().orElse(result.fidelity().cosine());
        }
    }
}
