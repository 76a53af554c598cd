package dev.quantline.console;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A packaged Quarkus application in a process of its own; what it says goes to a file. */
final class ChildProcess implements AutoCloseable {
    private final Process process;
    private final Path said;

    private ChildProcess(Process process, Path said) {
        this.process = process;
        this.said = said;
    }

    /**
     * Starts {@code ../<module>/target/quarkus-app}.
     *
     * @param folder becomes the current folder
     * @param log receives standard output and standard error
     */
    static ChildProcess start(String module, Path folder, Path log, Map<String, String> properties, String... arguments)
            throws IOException {
        return start(module, folder, log, properties, Map.of(), arguments);
    }

    /** The same with variables in its environment, which other users do not see. */
    static ChildProcess start(
            String module,
            Path folder,
            Path log,
            Map<String, String> properties,
            Map<String, String> environment,
            String... arguments)
            throws IOException {
        var command = command(module, properties);
        command.addAll(List.of(arguments));
        var builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        return new ChildProcess(builder.start(), log);
    }

    /** What starts {@code ../<module>/target/quarkus-app}, without arguments. */
    static List<String> command(String module, Map<String, String> properties) throws IOException {
        var jar = Path.of("..", module, "target", "quarkus-app", "quarkus-run.jar")
                .toAbsolutePath()
                .normalize();
        if (!Files.exists(jar)) {
            throw new IOException(
                    jar + " is missing: run the tests with ./quantline test, which packages every service");
        }
        // A process that a shell started in the background ignores Ctrl-C, and so would its children.
        var command = new ArrayList<>(List.of(
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-Xmx512m",
                "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
                "-XX:TieredStopAtLevel=1"));
        properties.forEach((name, value) -> command.add("-D" + name + "=" + value));
        command.addAll(List.of("-jar", jar.toString()));
        return command;
    }

    /** The exit code; the process is killed when it takes longer than three minutes. */
    int exitCode() throws InterruptedException, IOException {
        if (!process.waitFor(3, TimeUnit.MINUTES)) {
            close();
            throw new AssertionError("still running after three minutes:\n" + text());
        }
        return process.exitValue();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    String text() throws IOException {
        return Files.readString(said);
    }

    /** Kills it, as a power failure would. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    /** What Ctrl-C in a terminal sends. */
    void interrupt() throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-INT", String.valueOf(process.pid()))
                .inheritIO()
                .start()
                .waitFor();
    }

    /** Asks it to stop, as a service manager does. */
    void askToStop() {
        process.destroy();
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
