package dev.quantline.deploy.image;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What is an image of its own. */
enum Part {
    PROFILER("profiler-service", "Checks models and profiles their activations"),
    CALIBRATOR("calibrator-service", "Chooses quantization ranges"),
    TUNER("tuner-service", "Trains roundings and scales"),
    EXPORTER("exporter-service", "Writes, verifies and delivers quantized models"),
    CONSOLE("console", "The command line of Quantline");

    /** The user that images name, by number, as a cluster wants it that refuses root. */
    static final int USER = 10001;

    static final int PORT = 8080;

    /**
     * As {@code start.sh} starts the console, which says why. Options stand in the entry point because the environment's
     * {@code JAVA_TOOL_OPTIONS} belongs to who runs the image.
     */
    private static final List<String> OPTIONS = List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Xms64m",
            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
            "-XX:+UseZGC",
            "-XX:SoftMaxHeapSize=512m",
            "-XX:ZUncommitDelay=5",
            "-XX:ZCollectionInterval=2",
            "-Dorg.bytedeco.javacpp.logger=slf4j");

    private final String module;
    private final String description;

    Part(String module, String description) {
        this.module = module;
        this.description = description;
    }

    /** The folder of the Maven module. */
    String module() {
        return module;
    }

    String description() {
        return description;
    }

    /** As in {@code quantline/profiler}. */
    String image() {
        return name().toLowerCase(Locale.ROOT);
    }

    boolean isService() {
        return this != CONSOLE;
    }

    /** Tensors live outside the Java heap: a service works in a child process of the same options, so each may have a quarter. */
    List<String> entrypoint() {
        var command = new ArrayList<>(List.of("/opt/java/bin/java"));
        command.addAll(OPTIONS);
        command.addAll(List.of("-XX:MaxRAMPercentage=" + (isService() ? 25 : 40), "-jar", "/app/quarkus-run.jar"));
        return command;
    }

    Map<String, String> environment() {
        var variables = new TreeMap<>(Map.of(
                "PATH", "/opt/java/bin:/usr/bin:/bin",
                // What Java takes for a user that /etc/passwd does not know.
                "HOME", "/work",
                "LANG", "C.UTF-8",
                "OMP_WAIT_POLICY", "PASSIVE",
                "MALLOC_MMAP_THRESHOLD_", "1048576"));
        if (isService()) {
            variables.putAll(Map.of(
                    "QUANTLINE_WORK_FOLDER", "/work",
                    "QUARKUS_HTTP_HOST", "0.0.0.0",
                    "QUARKUS_HTTP_PORT", String.valueOf(PORT),
                    "QUARKUS_LOG_CONSOLE_JSON_ENABLED", "true"));
        }
        return variables;
    }
}
