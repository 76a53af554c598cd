package dev.quantline.console.display;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The figures of a report as a small table: the original model beside the quantized one. */
public final class ResultTable {
    private static final String ROW = "%-18s %12s %12s   %s";
    private static final String UNKNOWN = "-";
    private static final double BYTES_PER_MEGABYTE = 1e6;

    private ResultTable() {}

    /** The lines of the table, with dashes for figures that the report lacks. */
    public static List<String> of(JsonNode report) {
        var before = report.path("float");
        var after = report.path("quantized");
        var metric = after.path("metric");
        var lines = new ArrayList<String>();
        lines.add(
                row(report.path("job").asText(), "float", report.path("recipe").asText("quantized"), ""));
        lines.add(row(
                "size",
                megabytes(before.path("bytes")),
                megabytes(after.path("bytes")),
                share(before.path("bytes"), after.path("bytes"), "%.1f %% of the float file", 100)));
        if (!metric.isMissingNode()) {
            lines.add(row(
                    metric.path("name").asText(),
                    number(before.path("metric").path("value"), "%.4f"),
                    number(metric.path("value"), "%.4f"),
                    difference(before.path("metric").path("value"), metric.path("value"))));
        }
        lines.add(row(
                "latency",
                number(before.path("latencyMs"), "%.2f ms"),
                number(after.path("latencyMs"), "%.2f ms"),
                share(after.path("latencyMs"), before.path("latencyMs"), "%.2f times as fast", 1) + samples(report)));
        lines.add(row("cosine to float", "", number(report.path("fidelity").path("cosine"), "%.4f"), ""));
        lines.add(row("SQNR", "", number(report.path("fidelity").path("sqnrDb"), "%.1f dB"), ""));
        var outputs = report.path("outputs");
        if (outputs.size() > 1) {
            outputs.forEach(output -> lines.add(output(output)));
        }
        report.path("stages")
                .properties()
                .forEach(stage -> lines.add(
                        row(stage.getKey(), "", number(stage.getValue().path("seconds"), "%.1f s"), "")));
        if (report.path("stages")
                .valueStream()
                .anyMatch(stage -> stage.path("machinery").isNumber())) {
            lines.add(machinery(report.path("stages")));
        }
        return List.copyOf(lines);
    }

    /** The report's message, if there is one. */
    public static Optional<String> message(JsonNode report) {
        return Optional.of(report.path("message")).filter(JsonNode::isTextual).map(JsonNode::asText);
    }

    /** What a user should know about the file, one line each. */
    public static List<String> notes(JsonNode report) {
        return report.path("notes")
                .valueStream()
                .map(note -> "note: " + note.asText())
                .toList();
    }

    /** Throughput at larger batches is another matter. */
    private static String samples(JsonNode report) {
        int samples = report.path("latencySamples").asInt();
        return samples == 0
                ? ""
                : samples == 1
                        ? "; one sample per run, the only batch size timed"
                        : "; %d samples per run, the only batch size timed".formatted(samples);
    }

    private static String output(JsonNode output) {
        var name = "  " + output.path("name").asText();
        var before = output.path("before").isTextual()
                ? "before " + output.path("before").asText()
                : "";
        return output.path("agreement").isNumber()
                ? row(name, "", number(output.path("agreement"), "%.4f"), "of its elements are equal")
                : row(name, number(output.path("cosine"), "%.4f"), number(output.path("sqnrDb"), "%.1f dB"), before);
    }

    private static String machinery(JsonNode stages) {
        var seconds = stages.valueStream()
                .mapToDouble(stage -> stage.path("machinery").asDouble())
                .sum();
        var all = stages.valueStream()
                .mapToDouble(stage -> stage.path("seconds").asDouble())
                .sum();
        return row(
                "events and storage",
                "",
                String.format(Locale.ROOT, "%.1f s", seconds),
                String.format(Locale.ROOT, "%.1f %% of the job, within the stages above", 100 * seconds / all));
    }

    private static String row(String name, String before, String after, String remark) {
        return ROW.formatted(name, before, after, remark).stripTrailing();
    }

    private static String megabytes(JsonNode bytes) {
        return bytes.isNumber()
                ? String.format(Locale.ROOT, "%.2f MB", bytes.asDouble() / BYTES_PER_MEGABYTE)
                : UNKNOWN;
    }

    private static String number(JsonNode value, String format) {
        return value.isNumber() ? String.format(Locale.ROOT, format, value.asDouble()) : UNKNOWN;
    }

    private static String share(JsonNode whole, JsonNode part, String format, double scale) {
        return whole.isNumber() && part.isNumber() && whole.asDouble() > 0
                ? String.format(Locale.ROOT, format, scale * part.asDouble() / whole.asDouble())
                : "";
    }

    private static String difference(JsonNode before, JsonNode after) {
        return before.isNumber() && after.isNumber()
                ? String.format(Locale.ROOT, "%+.4f", after.asDouble() - before.asDouble())
                : "";
    }
}
