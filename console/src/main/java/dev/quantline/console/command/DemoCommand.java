package dev.quantline.console.command;

import dev.quantline.console.demo.DemoFiles;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(
        name = "demo",
        description = "quantizes all-MiniLM-L6-v2 from start to finish; needs no preparation",
        mixinStandardHelpOptions = true)
final class DemoCommand implements Callable<Integer> {
    private static final Path OUT = Path.of("out", "demo");

    @Mixin
    private StackOptions stack;

    @Mixin
    private Output output;

    @Override
    public Integer call() throws Exception {
        output.remark("preparing all-MiniLM-L6-v2, a sentence-embedding network of 90 MB, and its data");
        var files = DemoFiles.prepare(
                OUT.resolve("inputs"), shared().resolve("data").resolve("stsb"));
        output.remark("measured with '%s' on %s".formatted(files.metric(), files.origin()));
        var job = new LocalJob(
                JobIds.of(Path.of("demo")),
                files.model(),
                files.calibration(),
                Optional.of(new LocalJob.Evaluation(
                        files.evaluation(), Optional.of(files.metric()), Optional.empty(), Optional.empty())),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty());
        return new LocalRun(output).run(job, stack, OUT);
    }

    /** The folder of labelled data sets that some checkouts have beside them. */
    private static Path shared() {
        var named = System.getenv("QUANTLINE_SHARED");
        return named == null
                ? Path.of(System.getProperty("quantline.root", "."))
                        .toAbsolutePath()
                        .resolveSibling("shared")
                : Path.of(named);
    }
}
