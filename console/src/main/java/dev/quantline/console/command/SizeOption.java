package dev.quantline.console.command;

import java.util.Optional;
import picocli.CommandLine.Option;

/** The budget most people mean. */
final class SizeOption {
    @Option(
            names = "--size",
            paramLabel = "FRACTION",
            description = "largest file, as a fraction of the float model's bytes; layers get widths of their own")
    private Double size;

    Optional<Double> size() {
        return Optional.ofNullable(size);
    }
}
