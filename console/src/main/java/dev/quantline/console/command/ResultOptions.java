package dev.quantline.console.command;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How large a model may become, where it goes with its report, and the stack that makes it. */
final class ResultOptions {
    @Option(
            names = "--size",
            paramLabel = "FRACTION",
            description = "largest file, as a fraction of the float model's size; each layer gets its own bit width")
    private Double size;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description =
                    "receives model.onnx, report.json, report.html (default: a folder under out/, named after the job)")
    private Path out;

    @Mixin
    StackOptions stack;

    @Mixin
    Output output;

    Optional<Double> size() {
        return Optional.ofNullable(size);
    }

    /** The folder that was named, else the one of this name under {@code out/}. */
    Path outOr(String name) {
        return out == null ? Path.of("out", name) : out;
    }
}
