package dev.quantline.console.command;

import dev.quantline.console.display.Replicas;
import java.time.ZoneId;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "jobs",
        description = "lists the jobs of a running stack, and who works on what of them since when",
        mixinStandardHelpOptions = true)
final class JobsCommand implements Callable<Integer> {
    private static final String ROW = "%-40s %-10s %s";

    @Mixin
    private StackOptions stack;

    @Mixin
    private JsonOption json;

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            var jobs = client.jobs();
            json.print(jobs, () -> {
                System.out.println(ROW.formatted("job", "state", "stage"));
                for (var job : jobs) {
                    System.out.println(ROW.formatted(job.id(), job.state(), job.stage()));
                    job.work()
                            .forEach(work -> System.out.println(
                                    Replicas.row(work.item(), work.attempt(), ZoneId.systemDefault())));
                }
            });
            return ExitCode.DONE;
        }
    }
}
