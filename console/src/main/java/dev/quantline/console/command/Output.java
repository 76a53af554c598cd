package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.console.client.Ending;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.display.ProgressDisplay;
import dev.quantline.console.display.ResultTable;
import dev.quantline.console.process.CtrlC;
import dev.quantline.pipeline.event.Event;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.settings.Json;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Supplier;
import picocli.CommandLine.Option;

/** Where results and progress are printed, and which exit code an ending has. */
final class Output {
    @Option(names = "--json", description = "print the report as JSON on standard output")
    private boolean json;

    private final PrintStream results = System.out;
    private final PrintStream remarks = System.err;

    ProgressDisplay progress() {
        var display = ProgressDisplay.on(remarks, Boolean.getBoolean("quantline.terminal"));
        CtrlC.first(display::close);
        return display;
    }

    void remark(String message) {
        remarks.println(message);
    }

    /** Prints the report of a finished job, or why there is none, and returns the exit code. */
    int conclude(StackClient client, String job, Ending ending, Supplier<Path> folder) {
        return switch (ending) {
            case Ending.Done _ -> conclude(client.report(job), folder.get());
            case Ending.Failed _ when CtrlC.isUnderWay() -> ExitCode.FAILED;
            case Ending.Failed(var event) -> {
                remarks.println(
                        isCancelled(event)
                                ? "quantline: %s was cancelled".formatted(job)
                                : "quantline: %s stopped in %s: %s".formatted(job, event.stage(), event.reason()));
                yield exitCode(event);
            }
        };
    }

    /** Prints a report that was made here and returns the exit code. */
    int conclude(Report report, Path folder) {
        // As in report.json: a tree of the record would leave out nulls and sort the rest.
        return conclude(Json.read(report.toJson().getBytes(StandardCharsets.UTF_8), JsonNode.class), folder);
    }

    private int conclude(JsonNode report, Path folder) {
        if (json) {
            report.toPrettyString().lines().forEach(results::println);
        } else {
            ResultTable.of(report).forEach(results::println);
            ResultTable.notes(report).forEach(results::println);
            if (folder != null) {
                results.println(
                        "model and report: " + folder.resolve("model.onnx") + ", " + folder.resolve("report.html"));
            }
            ResultTable.message(report).ifPresent(results::println);
        }
        return exitCode(report);
    }

    /** Of a job that left this report. */
    static int exitCode(JsonNode report) {
        return report.path("status").asText().equals("done") ? ExitCode.DONE : ExitCode.GOAL_MISSED;
    }

    /** Of a job that ended so. */
    static int exitCode(Event.Failed event) {
        return isCancelled(event) || event.retryable() ? ExitCode.FAILED : ExitCode.UNUSABLE;
    }

    private static boolean isCancelled(Event.Failed event) {
        return event.stage().equals("cancel");
    }
}
