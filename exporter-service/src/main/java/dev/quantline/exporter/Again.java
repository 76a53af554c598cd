package dev.quantline.exporter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.ObjectRef;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What a report says of the job it is about, and how that is done again. */
final class Again {
    private static final Pattern PLAIN = Pattern.compile("[\\w./:=@%+-]+");

    private Again() {}

    /** Of a job that is done now. */
    static Report.Asked of(JobRequest job) {
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
        return words.stream().map(Again::quoted).collect(Collectors.joining(" "));
    }

    /** A word that a shell takes as it is. */
    private static String quoted(String word) {
        return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
