package dev.quantline.exporter;

import dev.quantline.embedded.StackAddresses;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** One packaged service as its operators run it: a process of its own. */
final class ServiceProcess implements AutoCloseable {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final int STOP_SECONDS = 30;
    private final Process process;
    private final Path log;
    private final int port;

    private ServiceProcess(Process process, Path log, int port) {
        this.process = process;
        this.log = log;
        this.port = port;
    }

    /** @param options of the virtual machine, settings of the service among them */
    static ServiceProcess start(String name, StackAddresses stack, Path folder, String... options) throws IOException {
        var port = freePort();
        var log = Files.createTempFile(folder, name, ".log");
        var jar = Path.of("..", name + "-service", "target", "quarkus-app", "quarkus-run.jar");
        var command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-Xmx512m",
                "-Dkafka.bootstrap.servers=" + stack.bootstrapServers(),
                "-Dquantline.store.endpoint=" + stack.s3Endpoint(),
                "-Dquantline.work.folder=" + folder.resolve(name + "-work"),
                "-Dquarkus.http.port=" + port));
        command.addAll(List.of(options));
        command.addAll(List.of("-jar", jar.toString()));
        var builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment()
                .putAll(Map.of(
                        "QUANTLINE_STORE_ACCESS_KEY", stack.keys().accessKey(),
                        "QUANTLINE_STORE_SECRET_KEY", stack.keys().secretKey()));
        var process = builder.start();
        return new ServiceProcess(process, log, port);
    }

    /** What a health check answers: its status code, 0 while nobody listens. */
    int health(String check) {
        try {
            return HTTP.send(
                            HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/q/health/" + check))
                                    .build(),
                            HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        } catch (IOException nobodyListens) {
            return 0;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** The processes that this one has its items done in. */
    Stream<ProcessHandle> children() {
        return process.children();
    }

    String log() throws IOException {
        return Files.readString(log);
    }

    /** As a crash would. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    void askToStop() {
        process.destroy();
    }

    /** As an operator would; answers whether it ended in time. */
    boolean stop() throws InterruptedException {
        process.destroy();
        return process.waitFor(STOP_SECONDS, TimeUnit.SECONDS);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
