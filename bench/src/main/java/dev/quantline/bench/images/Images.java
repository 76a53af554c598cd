package dev.quantline.bench.images;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.bench.ProcessMemory;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.StackAddresses;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Unpacks images of services and starts each as a cluster would: its own root folder, which nothing can write to but {@code /tmp} and
 * {@code /work}, and the image's user and environment. Broker and store run in this process. Linux, as root, with {@code unshare} and
 * {@code tar}.
 */
public final class Images {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double MEGABYTE = 1e6;
    private static final double KIBI = 1024;
    private static final double SECOND = 1e9;
    private static final Duration STARTS_WITHIN = Duration.ofMinutes(2);
    private static final Duration IDLE = Duration.ofSeconds(30);
    private static final Duration PAUSE = Duration.ofMillis(20);

    /** Mounts belong to this process, and are gone with it. Arguments: root folder, user, command. */
    private static final String IN_ROOT = """
            set -e; root=$1; user=$2; shift 2
            mkdir -p "$root/proc" "$root/dev"
            /bin/mount --bind "$root" "$root"
            /bin/mount -t proc proc "$root/proc"
            /bin/mount --rbind /dev "$root/dev"
            for folder in tmp work; do /bin/mount -t tmpfs -o mode=1777 none "$root/$folder"; done
            /bin/mount -o remount,bind,ro "$root"
            exec /usr/sbin/chroot --userspec="$user" "$root" "$@"
            """;

    private Images() {}

    /**
     * Arguments: archives of images, as {@code ./quantline mvn -Pimages} makes them. Prints a row for each. The first is started once
     * before, to make the topics, which the chart's hook does on a cluster.
     */
    public static void main(String[] archives) throws Exception {
        var folder = Files.createTempDirectory("quantline-images");
        try (var stack = EmbeddedStack.start(folder.resolve("stack"), EmbeddedStack.Ports.free())) {
            var images = new ArrayList<Image>();
            for (var archive : archives) {
                images.add(unpacked(Path.of(archive), Files.createTempDirectory(folder, "image")));
            }
            started(images.getFirst(), stack.addresses(), Duration.ZERO);
            System.out.println("| image | MB unpacked | s until live | s until ready | MB resident, idle |");
            System.out.println("|---|---|---|---|---|");
            for (var image : images) {
                var start = started(image, stack.addresses(), IDLE);
                System.out.printf(
                        "| %s | %.1f | %.1f | %.1f | %.0f |%n",
                        image.name(),
                        bytes(image.root()) / MEGABYTE,
                        start.live(),
                        start.ready(),
                        start.resident() / MEGABYTE);
            }
        } finally {
            run("rm", "-rf", folder.toString());
        }
    }

    /** @param config what the image says of user, entry point and environment */
    private record Image(String name, JsonNode config, Path root, Path log) {}

    /**
     * How a service started.
     *
     * @param live     seconds
     * @param ready    seconds
     * @param resident bytes
     */
    private record Start(double live, double ready, double resident) {}

    private static Image unpacked(Path archive, Path folder) throws IOException {
        run("tar", "-xf", archive.toString(), "-C", folder.toString());
        var manifest = JSON.readTree(folder.resolve("manifest.json").toFile()).get(0);
        var config = JSON.readTree(
                        folder.resolve(manifest.path("Config").asText()).toFile())
                .path("config");
        var root = Files.createDirectory(folder.resolve("root"));
        for (var layer : texts(manifest.path("Layers"))) {
            run(
                    "tar",
                    "--warning=no-unknown-keyword",
                    "-xzf",
                    folder.resolve(layer).toString(),
                    "-C",
                    root.toString());
        }
        return new Image(manifest.at("/RepoTags/0").asText(), config, root, folder.resolve("log"));
    }

    /** @param idle how long the service is left alone before its memory is read */
    private static Start started(Image image, StackAddresses stack, Duration idle) throws Exception {
        int port = freePort();
        var command = new ArrayList<>(List.of(
                "/usr/bin/unshare",
                "-m",
                "/bin/sh",
                "-c",
                IN_ROOT,
                "sh",
                image.root().toString()));
        command.add(image.config().path("User").asText());
        command.addAll(texts(image.config().path("Entrypoint")));
        var builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(image.log().toFile());
        var environment = builder.environment();
        environment.clear();
        for (var variable : texts(image.config().path("Env"))) {
            environment.put(variable.replaceFirst("=.*", ""), variable.replaceFirst("[^=]*=", ""));
        }
        environment.putAll(Map.of(
                "QUARKUS_HTTP_PORT", String.valueOf(port),
                "KAFKA_BOOTSTRAP_SERVERS", stack.bootstrapServers(),
                "QUANTLINE_STORE_ENDPOINT", stack.s3Endpoint().toString(),
                "QUANTLINE_STORE_ACCESS_KEY", stack.keys().accessKey(),
                "QUANTLINE_STORE_SECRET_KEY", stack.keys().secretKey()));
        long started = System.nanoTime();
        var process = builder.start();
        try {
            double live = until(process, port, "live", started, image.log());
            double ready = until(process, port, "ready", started, image.log());
            Thread.sleep(idle);
            return new Start(live, ready, resident(process));
        } finally {
            process.destroy();
            process.onExit().join();
        }
    }

    /** Seconds from the start until a probe succeeds. */
    private static double until(Process process, int port, String probe, long started, Path log) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d/q/health/%s".formatted(port, probe)))
                .build();
        try (var client = HttpClient.newHttpClient()) {
            while (process.isAlive() && System.nanoTime() - started < STARTS_WITHIN.toNanos()) {
                try {
                    if (client.send(request, HttpResponse.BodyHandlers.discarding())
                                    .statusCode()
                            == 200) {
                        return (System.nanoTime() - started) / SECOND;
                    }
                } catch (IOException notYet) {
                    // Nobody listens there so far.
                }
                Thread.sleep(PAUSE);
            }
        }
        throw new IOException("not %s within %s:%n%s".formatted(probe, STARTS_WITHIN, Files.readString(log)));
    }

    /** Bytes of the process and of those it started. */
    private static double resident(Process process) throws IOException {
        double sum = 0;
        for (var one : Stream.concat(Stream.of(process.toHandle()), process.descendants())
                .toList()) {
            sum += ProcessMemory.kibibytes(String.valueOf(one.pid()), "VmRSS") * KIBI;
        }
        return sum;
    }

    private static double bytes(Path root) throws IOException {
        double sum = 0;
        try (var files = Files.walk(root)) {
            for (var file : files.filter(Files::isRegularFile).toList()) {
                sum += Files.size(file);
            }
        }
        return sum;
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    private static List<String> texts(JsonNode array) {
        var texts = new ArrayList<String>();
        array.forEach(text -> texts.add(text.asText()));
        return texts;
    }

    private static void run(String... command) throws IOException {
        if (new ProcessBuilder(command).inheritIO().start().onExit().join().exitValue() != 0) {
            throw new IOException("failed: " + String.join(" ", command));
        }
    }
}
