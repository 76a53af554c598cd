package dev.quantline.console.command;

import dev.quantline.console.display.ProgressDisplay;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(name = "watch", description = "follows one job of a running stack to its end, or all jobs until Ctrl-C",
    mixinStandardHelpOptions = true)
final class WatchCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ID", arity = "0..1", description = "the job (default: all)")
    private String id;

    @Mixin
    private StackOptions stack;

    @Mixin
    private Output output;

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            if (id == null) {
                try (var progress = ProgressDisplay.ofManyJobs(System.err)) {
                    client.watchAll(progress::show);
                }
                return ExitCode.DONE;
            }
            try (var progress = output.progress()) {
                var ending = client.watch(id, progress::show);
                progress.close();
                return output.conclude(client, id, ending, () -> null);
            }
        }
    }
}
