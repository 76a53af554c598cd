package dev.quantline.bench.launch;

import java.util.Arrays;
import java.util.List;

/**
 * A bench as {@code ./quantline bench} knows it.
 *
 * @param type      its class
 * @param program   what runs it
 * @param arguments names of its arguments, in their order; those that may be left out in brackets
 * @param purpose   what it measures, in one line
 */
record Bench(Class<?> type, Program program, String arguments, String purpose) {
    private static final String ROOT = "dev.quantline.bench.";

    /** A main method. */
    interface Program {
        void run(String[] arguments) throws Exception;
    }

    /** {@code tune.Ablation}: the class without what all have in common; {@code chaos} where package and class are called that. */
    String name() {
        var folder = type.getPackageName().substring(ROOT.length());
        return type.getSimpleName().equalsIgnoreCase(folder)
                ? folder
                : type.getName().substring(ROOT.length());
    }

    String usage() {
        return (name() + " " + arguments).strip();
    }

    /** How many arguments cannot be left out. */
    int required() {
        return (int) Arrays.stream(arguments.replaceAll("\\[[^]]*]", "").split(" "))
                .filter(word -> !word.isEmpty())
                .count();
    }

    boolean isEnough(List<String> given) {
        return given.size() >= required();
    }
}
