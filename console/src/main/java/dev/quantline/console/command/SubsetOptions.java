package dev.quantline.console.command;

import dev.quantline.data.Subset;
import picocli.CommandLine.Option;

/** Which samples are taken. */
final class SubsetOptions {
    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "0",
            description = "so many samples, chosen by chance (default: all)")
    private int limit;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "0",
            description = "the chance by which samples are chosen (default: 0)")
    private long seed;

    Subset subset() {
        return new Subset(Math.max(0, limit), seed);
    }
}
