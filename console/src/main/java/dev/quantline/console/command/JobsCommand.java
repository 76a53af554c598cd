package dev.quantline.console.command;

import dev.quantline.pipeline.job.Json;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(name = "jobs", description = "lists the jobs of a running stack", mixinStandardHelpOptions = true)
final class JobsCommand implements Callable<Integer> {
    @Mixin
    private StackOptions stack;

    @Option(names = "--json", description = "print the list as JSON")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        try (var client = stack.connect()) {
            var jobs = client.jobs();
            if (json) {
                System.out.println(Json.tree(jobs).toPrettyString());
            } else {
                System.out.printf("%-40s %-10s %s%n", "job", "state", "stage");
                jobs.forEach(job -> System.out.printf("%-40s %-10s %s%n", job.id(), job.state(), job.stage()));
            }
            return ExitCode.DONE;
        }
    }
}
