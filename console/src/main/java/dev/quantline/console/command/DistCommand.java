package dev.quantline.console.command;

import dev.quantline.console.display.ProgressDisplay;
import dev.quantline.console.dist.Distribution;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
        name = "dist",
        description = "makes an archive that runs where nothing is installed, not even Java",
        mixinStandardHelpOptions = true)
final class DistCommand implements Callable<Integer> {
    private static final double MEGABYTE = 1e6;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            defaultValue = "out",
            description = "receives the archive (default: ${DEFAULT-VALUE})")
    private Path out;

    @Override
    public Integer call() throws Exception {
        Distribution.Result made;
        try (var display = ProgressDisplay.on(System.err, Boolean.getBoolean("quantline.terminal"))) {
            made = Distribution.make(
                    Path.of(System.getProperty("quantline.root", ".")).toAbsolutePath(),
                    QuantlineCommand.version(),
                    out,
                    display.of("dist"));
        }
        System.out.println("%s: %.1f MB, %.1f MB unpacked"
                .formatted(made.archive(), made.packed() / MEGABYTE, made.unpacked() / MEGABYTE));
        System.out.println("left out: %d native libraries of other platforms, from %d jars"
                .formatted(made.files(), made.libraries()));
        System.out.println("next: tar xzf %s; %s/bin/quantline --help"
                .formatted(
                        made.archive(), made.archive().getFileName().toString().replace(".tar.gz", "")));
        return ExitCode.DONE;
    }
}
