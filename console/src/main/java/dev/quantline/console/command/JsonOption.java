package dev.quantline.console.command;

import dev.quantline.quantize.settings.Json;
import picocli.CommandLine.Option;

/** Whether a program reads the result. */
final class JsonOption {
    @Option(names = "--json", description = "print the result as JSON on standard output")
    private boolean json;

    boolean wanted() {
        return json;
    }

    /** Prints the result as JSON where that is wanted, else as the action does. */
    void print(Object result, Runnable asText) {
        if (json) {
            Json.tree(result).toPrettyString().lines().forEach(System.out::println);
        } else {
            asText.run();
        }
    }
}
