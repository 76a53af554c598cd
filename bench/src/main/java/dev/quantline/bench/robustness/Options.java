package dev.quantline.bench.robustness;

import java.util.HashMap;
import java.util.Map;

/** Numbers that a bench is given by name: {@code --count 100}. */
final class Options {
    private final Map<String, Integer> given = new HashMap<>();

    /** @throws IllegalArgumentException when an argument is no option with a whole number behind it */
    Options(String... arguments) {
        for (int i = 0; i < arguments.length; i += 2) {
            if (!arguments[i].startsWith("--") || i + 1 == arguments.length || !arguments[i + 1].matches("\\d{1,9}")) {
                throw new IllegalArgumentException(
                        "'" + arguments[i] + "' must be an option, with a whole number behind it");
            }
            given.put(arguments[i].substring(2), Integer.parseInt(arguments[i + 1]));
        }
    }

    int number(String name, int otherwise) {
        return given.getOrDefault(name, otherwise);
    }
}
