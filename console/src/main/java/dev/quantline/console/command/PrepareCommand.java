package dev.quantline.console.command;

import dev.quantline.console.client.Preparation;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.broker.BrokerTopics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
        name = "prepare",
        description = "creates the topics and the bucket that a broker and a store lack, before services start",
        mixinStandardHelpOptions = true)
final class PrepareCommand implements Callable<Integer> {
    @Option(names = "--check", description = "create nothing; exit code 2 if something is missing")
    private boolean check;

    @Option(
            names = "--partitions",
            paramLabel = "N",
            defaultValue = "8",
            description = "of a created topic (default: ${DEFAULT-VALUE})")
    private int partitions;

    @Option(
            names = "--work-partitions",
            paramLabel = "N",
            defaultValue = "64",
            description =
                    "of a stage's topic of work: how many replicas of a stage have something to do (default: ${DEFAULT-VALUE})")
    private int workPartitions;

    @Option(
            names = "--retention",
            paramLabel = "TIME",
            defaultValue = "7d",
            converter = WaitTime.class,
            description = "how long a created topic keeps its records (default: ${DEFAULT-VALUE})")
    private Duration retention;

    @Mixin
    private StackOptions stack;

    @Mixin
    private JsonOption json;

    @Override
    public Integer call() throws Exception {
        var preparation = new Preparation(stack.named(), stack.patience());
        if (check) {
            var missing = preparation.missing();
            if (!missing.isEmpty()) {
                throw new BadInput("missing: %s; create them, or call this command without --check"
                        .formatted(String.join(", ", missing)));
            }
        }
        var created = check
                ? List.<String>of()
                : preparation.create(new BrokerTopics.Shape(partitions, workPartitions, retention));
        var denied = preparation.denied();
        if (!denied.isEmpty()) {
            throw new BadInput("services lack rights: %s; docs/cluster.md lists what they need"
                    .formatted(String.join(", ", denied)));
        }
        json.print(Map.of("created", created), () -> {
            created.forEach(name -> System.out.println("created " + name));
            System.out.println("topics and bucket are there");
        });
        return ExitCode.DONE;
    }
}
