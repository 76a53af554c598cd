package dev.quantline.console.command;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Where a command leaves model and report. */
final class OutOption {
    @Option(
            names = "--out",
            paramLabel = "DIR",
            description =
                    "receives model.onnx, report.json, report.html (default: a folder under out/, named after the job)")
    private Path out;

    /** The folder that was named, else the one under {@code out/} of this name. */
    Path or(String name) {
        return out == null ? Path.of("out", name) : out;
    }
}
