package dev.quantline.console.command;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "jobs", description = "lists the jobs of a running stack", mixinStandardHelpOptions = true)
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
                jobs.forEach(job -> System.out.println(ROW.formatted(job.id(), job.state(), job.stage())));
            });
            return ExitCode.DONE;
        }
    }
}
