package dev.quantline.console.stack;

import dev.quantline.console.client.Connection;
import dev.quantline.console.process.CtrlC;
import dev.quantline.embedded.DataFolder;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.FolderInUse;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.StoreAccess;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Consumer;

/**
 * Broker, store and services in this process, or one part of these, until {@link #close}. The services stop before the broker they talk to.
 */
public final class LocalStack implements AutoCloseable {
    /** The folder all commands keep their data in, below the current one. */
    public static final Path DATA = Path.of(".quantline");
    /** How long to wait for an answer of a stack that was just started and may be busy. */
    public static final Duration STARTING = Duration.ofSeconds(45);

    /** What is to be closed, the last thing first. */
    private final Deque<Runnable> open = new ArrayDeque<>();
    /** Ends with the services; where there are none, never. */
    private CompletableFuture<Void> ended = new CompletableFuture<>();

    private LocalStack() {
        open.push(CtrlC.untidy()::close);
    }

    /** How much the services say on standard error; everything goes to their log. */
    public enum LogLevel {
        /** Only what nobody handled. */
        QUIET("ERROR"),
        /** What happens to jobs. */
        TALKATIVE("INFO");

        private final String console;

        LogLevel(String console) {
            this.console = console;
        }
    }

    /** Starts something, and says where what it started is to be closed. */
    private interface Start {
        void in(LocalStack stack) throws IOException;
    }

    /**
     * Starts everything and returns when the services are ready for jobs.
     *
     * @param http port of the services' health and metrics on the loopback interface, 0 for any
     * @throws FolderInUse when a stack runs on {@link #DATA} already
     * @throws IOException when the folder cannot be written or a port is taken
     */
    public static LocalStack start(EmbeddedStack.Ports ports, int http, LogLevel logging) throws IOException {
        return started(stack -> {
            var embedded = stack.servers(ports, EnumSet.allOf(EmbeddedStack.Server.class));
            var settings = settings(connection(embedded.addresses()), "quantline", http, logging);
            settings.put(
                    "quantline.work.folder",
                    DATA.resolve("work").toAbsolutePath().toString());
            // One process needs no more, and every partition is a folder.
            settings.put("quantline.topics.work-partitions", "8");
            stack.services("quantline", settings);
        });
    }

    /**
     * Starts the broker or the store alone.
     *
     * @throws FolderInUse when one runs on {@link #DATA} already
     * @throws IOException when the folder cannot be written or the port is taken
     */
    public static LocalStack server(EmbeddedStack.Server server, int port) throws IOException {
        return started(stack -> stack.servers(new EmbeddedStack.Ports(port, port), EnumSet.of(server)));
    }

    /**
     * Starts a replica of one service, and returns when it reads its topics or, if broker and store do not answer yet, waits for them.
     *
     * @param to broker and store, wherever they are
     * @param named gets the name of the replica, {@code tuner-2} if another tuner runs on {@link #DATA}, before it starts
     */
    public static LocalStack service(Part part, Connection to, int http, LogLevel logging, Consumer<String> named)
            throws IOException {
        return started(stack -> {
            var place = DataFolder.claimNext(DATA, part.word());
            stack.open.push(place::close);
            named.accept(place.part());
            var settings = settings(to, place.part(), http, logging);
            part.channelsOfOthers()
                    .forEach(channel -> settings.put("mp.messaging.incoming." + channel + ".enabled", "false"));
            // It warns of what nobody feeds: the other services.
            settings.put("quarkus.log.category.\"io.smallrye.reactive.messaging.provider\".level", "ERROR");
            if (part != Part.PROFILER) {
                settings.put("quantline.retention.every", "0s");
            }
            stack.services(place.part(), settings);
        });
    }

    private static LocalStack started(Start start) throws IOException {
        var stack = new LocalStack();
        try (var _ = CtrlC.starting()) {
            start.in(stack);
            return stack;
        } catch (IOException | RuntimeException | Error failure) {
            stack.close();
            throw failure;
        }
    }

    private EmbeddedStack servers(EmbeddedStack.Ports ports, EnumSet<EmbeddedStack.Server> servers) throws IOException {
        var embedded = EmbeddedStack.start(DATA, ports, servers);
        open.push(embedded::close);
        return embedded;
    }

    private void services(String name, Map<String, String> settings) {
        settings.forEach(System::setProperty);
        var services = new Services();
        services.start(log(name));
        open.push(services::stop);
        ended = services.ended();
    }

    /** Where the services of a process that has this name write what happens. */
    public static Path log(String name) {
        return DATA.resolve(name + ".log");
    }

    /** What services read as their configuration. */
    private static Map<String, String> settings(Connection to, String name, int http, LogLevel logging) {
        var settings = new HashMap<>(Map.of(
                "kafka.bootstrap.servers", to.kafka(),
                "quantline.topics.prefix", to.topics().prefix(),
                "quantline.store.endpoint", to.s3().toString(),
                "quantline.store.region", to.region(),
                "quantline.store.bucket", to.bucket(),
                "quantline.work.folder",
                        DATA.resolve("work").resolve(name).toAbsolutePath().toString(),
                "quarkus.http.host", "127.0.0.1",
                "quarkus.http.port", String.valueOf(http),
                "quarkus.log.file.path", log(name).toString(),
                "quarkus.log.console.level", logging.console));
        to.access()
                .keys()
                .ifPresentOrElse(
                        keys -> settings.putAll(Map.of(
                                "quantline.store.access-key",
                                keys.access(),
                                "quantline.store.secret-key",
                                keys.secret())),
                        () -> settings.put("quantline.store.credentials", "workload-identity"));
        to.access().authorities().ifPresent(file -> settings.put("quantline.store.authorities", file.toString()));
        return settings;
    }

    /** The connection to the stack that runs on {@link #DATA}. */
    public static Connection connection() throws IOException {
        return connection(DataFolder.running(DATA).orElseThrow());
    }

    /** The connection to a stack that another process runs on a data folder. */
    public static Connection connection(StackAddresses addresses) {
        return new Connection(
                addresses.bootstrapServers(),
                addresses.s3Endpoint(),
                "us-east-1",
                StoreAccess.keys(addresses.keys().accessKey(), addresses.keys().secretKey()),
                StackAddresses.BUCKET,
                new Topics(Topics.DEFAULT_PREFIX));
    }

    /** Returns when the services have stopped by themselves, or when the thread is interrupted. */
    public void awaitStop() {
        try {
            ended.get();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public void close() {
        // The interrupt that ended the command must not cut this short.
        Thread.interrupted();
        for (var last = open.poll(); last != null; last = open.poll()) {
            last.run();
        }
    }
}
