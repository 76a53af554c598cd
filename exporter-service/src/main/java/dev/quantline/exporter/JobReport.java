package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.Escaped;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What a report says of the job it is about: what was asked for, how that is done again, and how long the stages took. */
final class JobReport {
    private static final Pattern PLAIN = Pattern.compile("[\\w./:=@%+-]+");

    private JobReport() {}

    /** The report of a job that is done now. */
    static Report complete(Report report, StageContext context) {
        return report.withStages(stages(context)).withNotes(context.notes()).withAsked(asked(context.job()));
    }

    /** The export's own time ends here: what follows is putting this report into the store. */
    private static Map<String, Report.Stage> stages(StageContext context) {
        var stages = new LinkedHashMap<String, Report.Stage>();
        for (var stage : StageName.values()) {
            var spent =
                    stage.isLast() ? context.spent().get() : context.earlier().seconds(stage);
            stages.put(stage.verb(), new Report.Stage(spent.wall(), Math.max(0, spent.wall() - spent.compute())));
        }
        return stages;
    }

    private static Report.Asked asked(JobRequest job) {
        var request = (ObjectNode) Json.tree(job);
        // Chosen anew, or the job that is done would be found instead.
        request.remove(List.of("id", "notes"));
        return new Report.Asked(
                job.model().toString(),
                job.calibration().toString(),
                job.evaluation()
                        .map(JobRequest.Evaluation::data)
                        .map(ObjectRef::toString)
                        .orElse(null),
                Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
                command(job),
                request);
    }

    /** With files of the names they have in the store; {@code recipe.json} and {@code normalize.json} are parts of the request. */
    private static String command(JobRequest job) {
        var words = new ArrayList<>(List.of(
                "./quantline",
                "quantize",
                job.model().name(),
                "--data",
                job.calibration().name(),
                "--recipe",
                "recipe.json",
                "--target",
                job.target()));
        job.evaluation().ifPresent(evaluation -> {
            words.addAll(List.of("--eval", evaluation.data().name(), "--metric", evaluation.metricName()));
            evaluation.better().ifPresent(better -> words.addAll(List.of("--better", better)));
            evaluation.output().ifPresent(output -> words.addAll(List.of("--metric-output", output)));
        });
        job.training()
                .ifPresent(training ->
                        words.addAll(List.of("--train", training.data().name(), "--loss", training.loss())));
        if (!job.normalize().isEmpty()) {
            words.addAll(List.of("--normalize", "normalize.json"));
        }
        job.inputs().forEach((input, where) -> {
            where.batch().ifPresent(axis -> words.addAll(List.of("--batch-axis", input + "=" + axis)));
            where.constant().ifPresent(_ -> words.addAll(List.of("--constant", input)));
        });
        return words.stream().map(JobReport::quoted).collect(Collectors.joining(" "));
    }

    /** A word as a shell reads it; what could act on its way there, when it is copied or pasted, is written in escapes that bash knows. */
    static String quoted(String word) {
        if (!Escaped.text(word).equals(word)) {
            return "$'" + Escaped.text(word.replace("\\", "\\\\").replace("'", "\\'")) + "'";
        }
        return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
