package dev.quantline.bench.robustness;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Fuzzes every {@link Target} for some time, guided by coverage, from the inputs that are kept and what earlier runs found beside them.
 * Inputs that make something fail are left in {@code out/bench/fuzz}.
 */
public final class Fuzz {
    private static final Path OUT = Path.of("out", "bench", "fuzz");
    private static final int SECONDS = 60;

    private Fuzz() {}

    /** Options: {@code --minutes M} for all targets together (5), {@code --seed S} (1). */
    public static void main(String... arguments) throws IOException {
        var options = new Options(List.of("--minutes", "--seed"), arguments);
        int seconds = Math.max(1, options.number("minutes", 5) * SECONDS / Target.values().length);
        int seed = options.number("seed", 1);
        System.out.println(
                "| target | runs | coverage of the kept inputs | after | new inputs | findings |\n|---|---|---|---|---|---|");
        var findings = new ArrayList<String>();
        for (var target : Target.values()) {
            var folder = Files.createDirectories(OUT.resolve(target.label()));
            var run = GuidedRun.of(
                    target, folder, List.of("-max_total_time=" + seconds, "-seed=" + seed), seconds + SECONDS);
            findings.addAll(run.findings());
            System.out.printf(
                    "| %s | %d | %d | %d | %d | %d |%n",
                    target.label(),
                    run.runs(),
                    run.before(),
                    run.after(),
                    run.inputs(),
                    run.findings().size());
        }
        if (!findings.isEmpty()) {
            throw new IllegalStateException(
                    "findings, whose inputs are in " + OUT + ":\n" + String.join("\n", findings));
        }
    }
}
