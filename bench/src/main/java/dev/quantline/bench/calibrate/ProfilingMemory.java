package dev.quantline.bench.calibrate;

import dev.quantline.bench.ProcessMemory;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.profile.Profiler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Peak memory of profiling against the number of samples. Arguments: model, calibration {@code .npz} (repeated until it is
 * long enough), sample counts. Each count runs in a process of its own with a Java heap of 256 MB that is taken whole at the
 * start: what grows outside of it shows, and what would have to grow inside ends the run. The peak is what Linux calls VmHWM.
 */
public final class ProfilingMemory {
    private static final int BATCH = 16;

    private ProfilingMemory() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length == 3 && arguments[2].startsWith("=")) {
            profile(Path.of(arguments[0]), Path.of(arguments[1]), Integer.parseInt(arguments[2].substring(1)));
            return;
        }
        System.out.println("| samples | peak memory, MB | seconds |\n|---|---|---|");
        for (int i = 2; i < arguments.length; i++) {
            var command = new ArrayList<>(List.of(
                    ProcessHandle.current().info().command().orElseThrow(),
                    "-Xms256m",
                    "-Xmx256m",
                    "-XX:+AlwaysPreTouch",
                    "--enable-native-access=ALL-UNNAMED",
                    "-cp",
                    System.getProperty("java.class.path"),
                    ProfilingMemory.class.getName(),
                    arguments[0],
                    arguments[1],
                    "=" + arguments[i]));
            int status = new ProcessBuilder(command).inheritIO().start().waitFor();
            if (status != 0) {
                throw new IllegalStateException("profiling " + arguments[i] + " samples ended with status " + status);
            }
        }
    }

    private static void profile(Path file, Path data, int samples) throws IOException {
        long start = System.nanoTime();
        var model = PreparedModel.prepare(ModelFile.read(file));
        int rows;
        try (var once = Dataset.open(List.of(data))) {
            rows = once.size();
        }
        var repeated = Collections.nCopies(Math.ceilDiv(samples, rows), data);
        try (var dataset = Dataset.open(repeated)) {
            Profiler.observe(
                    model,
                    new Samples(dataset, model, Map.of()),
                    0,
                    samples,
                    BATCH,
                    List.of(),
                    Provider.cpu(),
                    Progress.none());
        }
        System.out.printf(
                "| %d | %.0f | %.1f |%n", samples, ProcessMemory.peak() / 1024.0, (System.nanoTime() - start) / 1e9);
    }
}
