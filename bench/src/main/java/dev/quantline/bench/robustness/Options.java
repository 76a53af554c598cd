package dev.quantline.bench.robustness;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Numbers that a bench is given by name: {@code --count 100}. */
public final class Options {
    private final Map<String, Integer> given = new HashMap<>();

    /** @throws IllegalArgumentException when an argument is none of the known options with a whole number behind it */
    public Options(List<String> known, String... arguments) {
        for (int i = 0; i < arguments.length; i += 2) {
            if (!known.contains(arguments[i]) || i + 1 == arguments.length || !arguments[i + 1].matches("\\d{1,9}")) {
                throw new IllegalArgumentException(
                        arguments[i] + " must be one of " + known + ", with a whole number behind it");
            }
            given.put(arguments[i].substring(2), Integer.parseInt(arguments[i + 1]));
        }
    }

    public int number(String name, int otherwise) {
        return given.getOrDefault(name, otherwise);
    }
}
