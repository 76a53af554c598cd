package dev.quantline.exporter;

import dev.quantline.evaluate.Evaluation;
import dev.quantline.export.Exporter;
import dev.quantline.export.Report;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Session;
import java.io.IOException;

/** What fine-tuning alone did to the metric: half of the truth about the quantized model. */
final class FineTuned {
    private FineTuned() {
    }

    /** The report with it, where the result rests on a fine-tuned network. */
    static Report judged(Report report, Exporter.Job job, StageContext context) throws IOException {
        boolean kept = job.tuning().stream().anyMatch(step -> step.method().equals("quanttune") && step.kept());
        if (!kept) {
            return report;
        }
        try (var before = Session.open(job.original(), job.provider(), Session.Optimization.ALL);
             var after = Session.open(context.file(ExportStage.CALIBRATED), job.provider(), Session.Optimization.ALL)) {
            var result = Evaluation.run(before, after, job.evaluation(), job.metric(), job.batch(), Progress.none());
            return report.withFineTuned(result.changed().orElse(result.fidelity().cosine()));
        }
    }
}
