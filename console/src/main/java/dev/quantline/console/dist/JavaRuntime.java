package dev.quantline.console.dist;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A Java runtime with the modules that the console and the services need, made by the JDK's {@code jlink}. */
public final class JavaRuntime {
    /**
     * What {@code jdeps -s --ignore-missing-deps --multi-release 25} finds in each jar of the console, but for {@code jdk.compiler} of an
     * annotation processor; and {@code jdk.zipfs}, which is found by its service.
     */
    static final List<String> MODULES = List.of(
            "java.base",
            "java.compiler",
            "java.datatransfer",
            "java.desktop",
            "java.logging",
            "java.management",
            "java.naming",
            "java.net.http",
            "java.security.jgss",
            "java.security.sasl",
            "java.sql",
            "java.xml",
            "jdk.httpserver",
            "jdk.jfr",
            "jdk.management",
            "jdk.net",
            "jdk.unsupported",
            "jdk.zipfs");

    private static final String SOURCE = "https://adoptium.net/temurin/releases/?version=25";

    private JavaRuntime() {}

    /**
     * Makes it.
     *
     * @param jdk    the JDK whose modules are taken
     * @param folder is created
     * @throws BadInput saying what the JDK lacks
     */
    public static void link(Path jdk, Path folder) throws IOException, InterruptedException {
        var jlink = jdk.resolve("bin/jlink");
        if (!Files.isExecutable(jlink)) {
            throw new BadInput(
                    "%s has no jlink, which makes the archive's Java runtime: point JAVA_HOME at a full JDK 25, "
                                    .formatted(jdk)
                            + SOURCE + " for instance");
        }
        var process = new ProcessBuilder(
                        jlink.toString(),
                        "--add-modules",
                        String.join(",", MODULES),
                        "--strip-debug",
                        "--no-man-pages",
                        "--no-header-files",
                        "--compress",
                        "zip-6",
                        "--output",
                        folder.toString())
                .redirectErrorStream(true)
                .start();
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new BadInput("%s failed: %s%s"
                    .formatted(
                            jlink,
                            said.lines().findFirst().orElse("it says nothing"),
                            Files.isDirectory(jdk.resolve("jmods"))
                                    ? ""
                                    : "; this JDK has no folder jmods, and without it not every JDK "
                                            + "can make a runtime: install your system's package of them "
                                            + "(openjdk-25-jmods or similar), or point JAVA_HOME at a "
                                            + "JDK from " + SOURCE));
        }
    }
}
