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

    @Mixin
    private JsonOption json;

    /** What becomes of the job. @param state where it stood @param stops whether it ran, and stops now */
    private record Answer(String id, String state, boolean stops) {}

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            var job = client.cancel(id);
            boolean stops = job.state().equals("running");
            json.print(
                    new Answer(job.id(), job.state(), stops),
                    () -> System.out.println(
                            stops
                                    ? id + " will stop after the piece of work under way"
                                    : id + " does not run: it is " + job.state()));
            return ExitCode.DONE;
        }
    }
}
