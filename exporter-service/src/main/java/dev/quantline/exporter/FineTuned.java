package dev.quantline.exporter;

import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import java.io.IOException;

/** What fine-tuning alone did to the metric: half of the truth about the quantized model. */
final class FineTuned {
    private FineTuned() {}

    /** The report with it, where the result rests on a fine-tuned network. */
    static Report judged(Report report, Exporter.Job job, StageContext context) throws IOException {
        boolean kept = job.tuning().stream().anyMatch(step -> step.method().equals("quanttune") && step.kept());
        if (!kept) {
            return report;
        }
        var tuned = context.file(ExportStage.CALIBRATED);
        var compared = ComparedOutputs.of(ModelFile.read(job.original())).in(ModelFile.read(tuned));
        try (var before = compared.open(job.original(), job.provider(), Session.Optimization.ALL);
                var after = compared.open(tuned, job.provider(), Session.Optimization.ALL)) {
            var result = Evaluation.run(before, after, job.evaluation(), job.measure(), job.batch(), Progress.none());
            return report.withFineTuned(
                    result.changed().orElse(result.fidelity().cosine()));
        }
    }
}
