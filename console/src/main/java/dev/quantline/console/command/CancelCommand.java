package dev.quantline.console.command;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(name = "cancel", description = "stops a job of a running stack", mixinStandardHelpOptions = true)
final class CancelCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ID", description = "the job")
    private String id;

    @Mixin
    private StackOptions stack;

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            var state = client.cancel(id).state();
            System.out.println(state.equals("running") ? id + " will stop after the piece of work under way"
                    : id + " does not run: it is " + state);
            return ExitCode.DONE;
        }
    }
}
