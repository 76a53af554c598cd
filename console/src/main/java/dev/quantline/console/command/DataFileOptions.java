package dev.quantline.console.command;

import dev.quantline.console.display.ProgressDisplay;
import dev.quantline.data.Subset;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What making a data file of any kind takes: the model it is for, which samples, which labels, and where it goes. */
final class DataFileOptions {
    @Mixin
    ModelOption model;

    @Option(names = "--out", required = true, paramLabel = "FILE.npz", description = "receives the arrays")
    Path out;

    @Option(
            names = "--label-column",
            paramLabel = "NAME",
            description = "column of labels (default: label, class or similar)")
    private String label;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "0",
            description = "number of samples, chosen at random (default: all)")
    private int limit;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "seed of that choice (default: 0)")
    private long seed;

    Optional<String> label() {
        return Optional.ofNullable(label);
    }

    Subset subset() {
        return new Subset(Math.max(0, limit), seed);
    }

    static ProgressDisplay display() {
        return ProgressDisplay.on(System.err, Boolean.getBoolean("quantline.terminal"));
    }

    /** Prints the command that takes the file, with these words behind it. */
    void printNext(String options) {
        System.out.println("next: ./quantline quantize %s --data %s%s".formatted(model.file(), out, options));
    }
}
