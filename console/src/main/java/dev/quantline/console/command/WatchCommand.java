package dev.quantline.console.command;

import dev.quantline.console.client.Ending;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.display.ProgressDisplay;
import dev.quantline.quantize.settings.Json;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "watch",
        description = "follows one job of a running stack to its end, or all jobs until Ctrl-C",
        mixinStandardHelpOptions = true)
final class WatchCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ID", arity = "0..1", description = "the job (default: all)")
    private String id;

    @Option(
            names = "--json",
            description =
                    "print every event as a line of JSON on standard output, and the job's report as the last line")
    private boolean json;

    @Mixin
    private StackOptions stack;

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            return id == null ? watchAll(client) : json ? follow(client) : show(client);
        }
    }

    private int watchAll(StackClient client) {
        try (var progress = json ? ProgressDisplay.asJson(System.out) : ProgressDisplay.ofManyJobs(System.err)) {
            client.watchAll(progress::show);
        }
        return ExitCode.DONE;
    }

    private int show(StackClient client) {
        var output = new Output();
        Ending ending;
        try (var progress = output.progress()) {
            ending = client.watch(id, progress::show);
        }
        return output.conclude(client, id, ending, () -> null);
    }

    private int follow(StackClient client) {
        Ending ending;
        try (var progress = ProgressDisplay.asJson(System.out)) {
            ending = client.watch(id, progress::show);
        }
        return switch (ending) {
            case Ending.Done _ -> {
                var report = client.report(id);
                System.out.println(Json.MAPPER
                        .createObjectNode()
                        .put("event", "report")
                        .put("job", id)
                        .set("report", report));
                yield Output.exitCode(report);
            }
            case Ending.Failed(var event) -> Output.exitCode(event);
        };
    }
}
