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
 * Writes the quantized model and judges it against the original. Where widths are allocated, sensitivities of the layers are
 * measured before, a few layers at a time, and what they ask for is solved.
 *
 * @param job      id for the report
 * @param original the model as it came
 */
public record ExportStep(
        String job,
        Path original,
        TunedModel tuned,
        QuantizationSettings settings,
        Report.Provenance provenance,
        Resources resources) {
    private static final long SEED = 0;
    /** Layers measured together: a minute at most, also where a batch takes a second. */
    private static final int GROUP = 8;
    /** Samples sensitivities are measured on, the last of the calibration data: tuning trains on the first. */
    private static final int SAMPLES = 64;

    /** What a result depends on, by the SHA-256 of model and calibration data. */
    public static Report.Provenance provenance(
            String modelSha256, String dataSha256, QuantizationSettings settings, String version) {
        return new Report.Provenance(modelSha256, dataSha256, settings.sha256(), version, SEED);
    }

    /** Exports a plan as tuning left it; {@code model.onnx} into a folder. */
    public Exported run(List<Path> evaluation, Path folder, Progress progress) throws IOException {
        try (var samples = settings.data().open(evaluation, tuned.model())) {
            var job = job(samples);
            return finished(new Exported(Exporter.export(job, folder, progress), tuned.plan()), job);
        }
    }

    /** Chooses widths from sensitivities and exports; {@code model.onnx} into a folder. */
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

    /** Measures all layers and exports: everything there is to do where widths are allocated. */
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

    /** The layers that choose their widths, in groups that can be measured apart from each other: two where there are two layers. */
    public List<Set<String>> layerGroups() {
        var layers = tuned.candidates(settings.recipe()).layers();
        var groups = new ArrayList<Set<String>>();
        int size = Math.clamp(Math.ceilDiv(layers.size(), 2), 1, GROUP);
        for (int from = 0; from < layers.size(); from += size) {
            groups.add(new TreeSet<>(layers.subList(from, Math.min(layers.size(), from + size))));
        }
        return groups;
    }

    /** Measures what quantizing each of some layers alone does, at every width that it may get. */
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

    /** What is exported, as the exporter takes it. */
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

    /** The pictures of the report's page. */
    public ReportPlots plots() {
        return ReportPlots.of(tuned.table(), tuned.plan());
    }

    /** The report also says what data has no effect, and what fine-tuning alone did: half of the truth about the quantized model. */
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
