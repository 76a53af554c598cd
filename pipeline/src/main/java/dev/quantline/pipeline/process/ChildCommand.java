package dev.quantline.pipeline.process;

import dev.quantline.onnx.Bound;
import dev.quantline.pipeline.stage.JobLimit;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** How a child is started: by this machine's Java and libraries, with the memory an item may have, and without any of our keys. */
final class ChildCommand {
    /**
     * The child speaks on descriptor 3, since native code prints to 1. It ignores the signals that a terminal sends to a whole group: its
     * parent ends it. It is the first to go when the machine runs out of memory. Its native memory is bounded by the shell, unless
     * the machine sets a tighter bound already, its heap by Java.
     */
    private static final String SHELL = "trap '' INT TERM HUP; echo 1000 2>/dev/null >/proc/self/oom_score_adj;"
            + " ulimit -c 0 2>/dev/null; ulimit -d \"$1\" 2>/dev/null; shift; exec \"$@\" 3>&1 1>&2";

    private static final String SPEAKS_TO = "/dev/fd/3";
    /** What the child must not read: where its parent's keys and addresses may stand. */
    private static final List<String> OURS =
            List.of("QUANTLINE_", "KAFKA_", "QUARKUS_", "MP_", "SMALLRYE_", "AWS_", "S3_", "MINIO_");

    private static final int KILO = 1024;

    private ChildCommand() {}

    /** @param folder for the child's temporary files */
    static ProcessBuilder builder(Path folder) {
        var command = new ArrayList<>(List.of(
                "/bin/sh",
                "-c",
                SHELL,
                "quantline-child",
                String.valueOf(JobLimit.ITEM_MEMORY.value() / KILO),
                Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(options());
        command.addAll(List.of(
                "-Djava.io.tmpdir=" + folder,
                "-XX:ErrorFile=" + folder.resolve("error.log"),
                "-XX:-CreateCoredumpOnCrash",
                "-cp",
                classPath(),
                ChildMain.class.getName(),
                SPEAKS_TO));
        var builder = new ProcessBuilder(command);
        builder.environment().keySet().removeIf(ChildCommand::isOurs);
        // OpenMP knows nothing of the bounds that Java keeps to, and its threads would spin while they wait for one
        // that has no processor.
        builder.environment()
                .putIfAbsent(
                        "OMP_NUM_THREADS", String.valueOf(Runtime.getRuntime().availableProcessors()));
        builder.environment().putIfAbsent("OMP_WAIT_POLICY", "PASSIVE");
        return builder;
    }

    /** Of this virtual machine those that shape memory and numbers; not what names keys, ports or agents. */
    private static List<String> options() {
        var given = ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(option -> option.startsWith("--")
                        || option.startsWith("-X") && !option.startsWith("-Xdebug") && !option.startsWith("-Xrun")
                        || option.startsWith("-Dorg.bytedeco."));
        var limits = System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith(Bound.PROPERTIES))
                .sorted()
                .map(name -> "-D" + name + "=" + System.getProperty(name));
        return Stream.concat(given, limits).toList();
    }

    private static boolean isOurs(String variable) {
        return OURS.stream().anyMatch(variable::startsWith) && !variable.startsWith("QUANTLINE_LIMIT_");
    }

    /** The libraries of a packaged Quarkus application, whose own loader hides them, or else the class path. */
    private static String classPath() {
        var path = System.getProperty("java.class.path");
        if (!path.endsWith("quarkus-run.jar")) {
            return path;
        }
        var app = Path.of(path).toAbsolutePath().getParent();
        return Stream.of("lib/boot", "lib/main", "app")
                .map(folder -> app.resolve(folder) + "/*")
                .reduce((a, b) -> a + ":" + b)
                .orElseThrow();
    }
}
