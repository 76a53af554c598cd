package dev.quantline.console.command;

import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.client.TemporaryFolder;
import dev.quantline.console.process.CtrlC;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.quantize.export.Report;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "allocate",
        description = "solves a finished job for another budget; no layer is calibrated or measured again",
        mixinStandardHelpOptions = true)
final class AllocateCommand implements Callable<Integer> {
    private static final double PERCENT = 100;

    @Parameters(paramLabel = "JOB", description = "a job whose widths were allocated")
    private String job;

    @Option(
            names = "--loss",
            paramLabel = "LOSS",
            description = "largest predicted loss; the file becomes as small as that allows")
    private Double loss;

    @Option(
            names = "--bit-operations",
            paramLabel = "FRACTION",
            description = "limit on bit operations, as a fraction of the widest choice's")
    private Double bitOperations;

    @Option(
            names = "--latency",
            paramLabel = "MS",
            description = "limit on the milliseconds of all layers for one sample")
    private Double latency;

    @Option(
            names = "--drop",
            paramLabel = "DROP",
            description = "largest drop of the metric; finds the smallest file that stays within it")
    private Double drop;

    @Mixin
    private ResultOptions result;

    @Override
    public Integer call() throws Exception {
        var budget = new Reallocation.Budget(
                result.size(),
                Optional.ofNullable(bitOperations),
                Optional.ofNullable(latency),
                Optional.ofNullable(loss),
                Optional.ofNullable(drop));
        if (budget.isEmpty()) {
            throw new BadInput("give a budget: --size, --drop, --loss, --bit-operations or --latency");
        }
        var running = result.stack.find();
        if (running.isPresent()) {
            try (var client = result.stack.connect(running.get())) {
                return allocate(budget, client);
            }
        }
        try (var _ = CtrlC.untidy();
                var own = started();
                var client =
                        StackClient.connect(LocalStack.connection(own.addresses()), Patience.of(LocalStack.STARTING))) {
            return allocate(budget, client);
        }
    }

    private static EmbeddedStack started() throws IOException {
        try (var _ = CtrlC.starting()) {
            return EmbeddedStack.start(LocalStack.DATA, EmbeddedStack.Ports.free());
        }
    }

    private int allocate(Reallocation.Budget budget, StackClient client) throws IOException {
        var target = result.outOr(job + "-" + result.size().map(String::valueOf).orElse("again"));
        try (var folder = TemporaryFolder.create("quantline-allocate")) {
            return result.output.conclude(
                    export(new Reallocation(client, client.request(job), budget, folder.path()), target), target);
        }
    }

    private Report export(Reallocation again, Path target) throws IOException {
        try (var shown = result.output.progress()) {
            return again.export(
                    target,
                    (fraction, message) ->
                            shown.show(new Event.Progress(job, StageName.EXPORT, PERCENT * fraction, message)));
        }
    }
}
