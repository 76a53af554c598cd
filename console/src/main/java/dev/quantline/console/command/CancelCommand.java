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

    /** What happens to the job. @param state when cancelled @param stops whether it was running and now stops */
    private record Answer(String id, String state, boolean stops) {}

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            var job = client.cancel(id);
            boolean stops = job.state().equals("running");
            json.print(
                    new Answer(job.id(), job.state(), stops),
                    () -> System.out.println(
                            stops ? id + " is being stopped" : id + " is not running; its state is " + job.state()));
            return ExitCode.DONE;
        }
    }
}
