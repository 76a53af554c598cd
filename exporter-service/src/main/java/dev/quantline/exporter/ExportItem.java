package dev.quantline.exporter;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.allocate.Sensitivities;
import dev.quantline.quantize.evaluate.EvaluationPart;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.workflow.ExportStep;
import dev.quantline.quantize.workflow.TuneStep;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;

/**
 * What each of the exporter's items does, and which files it leaves for those of later phases.
 *
 * @param context of the item
 */
record ExportItem(StageContext context, ExportStep step) {
    private static final String SENSITIVITIES = "sensitivities.json";
    private static final String CANDIDATES = "candidates.json";
    /** What the deliverable calls the float model that tuning left. */
    private static final String TUNED = "tuned.onnx";
    /** The report of a file that is written, but not yet evaluated. */
    private static final String WRITTEN = "written.json";
    /** What evaluation showed of some samples. */
    private static final String EVALUATED = "evaluated.json";
    /** The same for the model that fine-tuning left. */
    private static final String FINE_TUNED = "fine-tuned.json";

    /** The sensitivities of some layers. */
    Outcome measured(Set<String> layers) throws IOException {
        var file = context.work().resolve(SENSITIVITIES);
        step.sensitivities(layers, context.files(ExportStage.CALIBRATION), context.progress())
                .write(file);
        return new Outcome.Done(
                Map.of(SENSITIVITIES, file), Json.MAPPER.createObjectNode().put("layers", layers.size()));
    }

    /** Everything after the sensitivities at once. */
    Outcome exported() throws IOException {
        var measured = allMeasured();
        var progress = measured.isPresent() ? context.progress() : storingEarly();
        var report = step.run(measured, context.files(ExportStage.EVALUATION), context.work(), progress)
                .report();
        return done(report, kept(measured));
    }

    /** The file, checked, and what is said of it without evaluation. */
    Outcome written() throws IOException {
        var measured = allMeasured();
        var written = step.write(measured, context.files(ExportStage.EVALUATION), context.work(), context.progress())
                .report();
        var files = new TreeMap<>(kept(measured));
        Files.writeString(context.work().resolve(WRITTEN), written.toJson());
        files.putAll(made());
        return new Outcome.Done(files, Json.MAPPER.createObjectNode());
    }

    /** Compares the file that was written with the original on some samples, or goes on with it. */
    Outcome evaluated(EvaluationPart.Range range, BooleanSupplier stop) throws IOException {
        var file = context.left(Exporter.MODEL).getFirst();
        var written = Report.read(context.left(WRITTEN).getFirst());
        return evaluated(
                EVALUATED,
                range,
                rest -> step.evaluate(
                        written, file, context.files(ExportStage.EVALUATION), rest, stop, context.progress()));
    }

    /** The same for the model that fine-tuning left. */
    Outcome evaluatedFineTuned(EvaluationPart.Range range, BooleanSupplier stop) throws IOException {
        return evaluated(
                FINE_TUNED,
                range,
                rest -> step.evaluateFineTuned(context.files(ExportStage.EVALUATION), rest, stop, context.progress()));
    }

    private interface Evaluated {
        EvaluationPart by(EvaluationPart.Range rest) throws IOException;
    }

    private Outcome evaluated(String name, EvaluationPart.Range range, Evaluated evaluation) throws IOException {
        var before = context.checkpoint().isPresent()
                ? EvaluationPart.read(context.checkpoint().get().resolve(name))
                : new EvaluationPart(List.of(), range.from());
        var part = before.then(evaluation.by(range.after(before)));
        var files = Map.of(name, context.work().resolve(name));
        part.write(files.get(name));
        return part.next() < range.to()
                ? new Outcome.Continue(files)
                : new Outcome.Done(files, Json.MAPPER.createObjectNode());
    }

    /** The result: the file that was written, and its report with what all parts of the evaluation showed. */
    Outcome reported() throws IOException {
        var report = step.report(
                Report.read(context.left(WRITTEN).getFirst()),
                context.left(Exporter.MODEL).getFirst(),
                context.files(ExportStage.EVALUATION),
                parts(EVALUATED),
                parts(FINE_TUNED));
        var files = new TreeMap<String, Path>();
        for (var finished : context.finished()) {
            if (finished.files().containsKey(WRITTEN)) {
                files.putAll(finished.files());
            }
        }
        files.remove(WRITTEN);
        return done(report, files);
    }

    private List<EvaluationPart> parts(String name) throws IOException {
        var parts = new ArrayList<EvaluationPart>();
        for (var file : context.left(name)) {
            parts.add(EvaluationPart.read(file));
        }
        return parts;
    }

    /** What the items before measured; empty if widths are not allocated. */
    private Optional<ExportStep.Measured> allMeasured() throws IOException {
        if (!ExportStage.isAllocated(context)) {
            return Optional.empty();
        }
        var measured = new ArrayList<Sensitivities>();
        for (var file : context.left(SENSITIVITIES)) {
            measured.add(Sensitivities.read(file));
        }
        return Optional.of(
                new ExportStep.Measured(Sensitivities.join(measured), context.files(ExportStage.CALIBRATION)));
    }

    /** What another budget is solved with later. */
    private Map<String, Path> kept(Optional<ExportStep.Measured> measured) throws IOException {
        if (measured.isEmpty()) {
            return Map.of();
        }
        measured.get().sensitivities().write(context.work().resolve(SENSITIVITIES));
        step.tuned().candidates(context.job().recipe()).write(context.work().resolve(CANDIDATES));
        var kept = new TreeMap<>(Map.of(TuneStep.TABLE, context.file(TuneStep.TABLE)));
        kept.putAll(renamed(TuneStep.MODEL, TUNED));
        kept.putAll(renamed(TuneStep.CALIBRATED, TuneStep.CALIBRATED));
        for (int bits : context.job().recipe().otherWidths()) {
            kept.putAll(renamed(TuneStep.rounded(bits), TuneStep.rounded(bits)));
        }
        return kept;
    }

    /** A model names its external data, so one that has some is written anew. */
    private Map<String, Path> renamed(String input, String name) throws IOException {
        return context.files(input).size() == 1
                ? Map.of(name, context.file(input))
                : context.write(ModelFile.read(context.file(input)), name);
    }

    /** The exporter reports progress from when the file is written: it goes into the store while it is evaluated. */
    private Progress storingEarly() {
        var begun = new AtomicBoolean();
        return (fraction, message) -> {
            if (begun.compareAndSet(false, true)) {
                context.handOver().accept(context.work().resolve(Exporter.MODEL));
            }
            context.progress().report(fraction, message);
        };
    }

    private Outcome.Done done(Report result, Map<String, Path> more) throws IOException {
        var report = JobReport.complete(result, context);
        report.write(context.work(), step.plots());
        var files = new TreeMap<>(more);
        files.putAll(made());
        return new Outcome.Done(files, summary(report));
    }

    private Map<String, Path> made() throws IOException {
        try (var all = Files.list(context.work())) {
            return StageContext.named(all.toList());
        }
    }

    private static JsonNode summary(Report report) {
        var summary = new TreeMap<String, Object>(Map.of(
                "status",
                report.status(),
                "metric",
                report.quantized().metric(),
                "floatMetric",
                report.original().metric(),
                "bytes",
                report.quantized().bytes(),
                "floatBytes",
                report.original().bytes(),
                "fidelity",
                report.fidelity()));
        if (report.message() != null) {
            summary.put("message", report.message());
        }
        return Json.tree(summary);
    }
}
