package dev.quantline.console.stack;

import dev.quantline.console.client.Connection;
import dev.quantline.console.process.CtrlC;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.embedded.FolderInUse;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.store.StoreAccess;
import io.quarkus.runtime.Quarkus;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * Broker, store and services in this process, until {@link #close}. The services stop before the broker they talk to.
 */
public final class LocalStack implements AutoCloseable {
    /** The folder all commands keep their data in, below the current one. */
    public static final Path DATA = Path.of(".quantline");
    /** How long to wait for an answer of a stack that was just started and may be busy. */
    public static final Duration STARTING = Duration.ofSeconds(45);

    private final EmbeddedStack embedded;
    private final Services services;
    private final CtrlC.Registration untidy = CtrlC.untidy();

    private LocalStack(EmbeddedStack embedded, Services services) {
        this.embedded = embedded;
        this.services = services;
    }

    /**
     * Starts everything and returns when the services are ready for jobs.
     *
     * @param http port of the services' health and metrics on the loopback interface, 0 for any
     * @throws FolderInUse when a stack runs on {@link #DATA} already
     * @throws IOException when the folder cannot be written or a port is taken
     */
    public static LocalStack start(EmbeddedStack.Ports ports, int http, LogLevel logging) throws IOException {
        try (var _ = CtrlC.starting()) {
            return started(ports, http, logging);
        }
    }

    private static LocalStack started(EmbeddedStack.Ports ports, int http, LogLevel logging) throws IOException {
        var embedded = EmbeddedStack.start(DATA, ports);
        var addresses = embedded.addresses();
        configure(Map.of(
                "kafka.bootstrap.servers", addresses.bootstrapServers(),
                "quantline.store.endpoint", addresses.s3Endpoint().toString(),
                "quantline.store.access-key", addresses.keys().accessKey(),
                "quantline.store.secret-key", addresses.keys().secretKey(),
                // One process needs no more, and every partition is a folder.
                "quantline.topics.work-partitions", "8",
                "quantline.work.folder", DATA.resolve("work").toAbsolutePath().toString(),
                "quarkus.http.host", "127.0.0.1",
                "quarkus.http.port", String.valueOf(http),
                "quarkus.log.file.path", DATA.resolve("quantline.log").toString(),
                "quarkus.log.console.level", logging.console()));
        var services = new Services();
        var stack = new LocalStack(embedded, services);
        try {
            services.start();
            return stack;
        } catch (RuntimeException | Error failure) {
            embedded.close();
            stack.untidy.close();
            throw failure;
        }
    }

    /** How much the services say on standard error; everything goes to {@code .quantline/quantline.log}. */
    public enum LogLevel {
        /** Only what nobody handled. */
        QUIET("ERROR"),
        /** What happens to jobs. */
        TALKATIVE("INFO");

        private final String console;

        LogLevel(String console) {
            this.console = console;
        }

        String console() {
            return console;
        }
    }

    /** The way in for clients. */
    public Connection connection() {
        return connection(embedded.addresses());
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

    /** Returns when the services have stopped, or when the thread is interrupted. */
    public void awaitStop() {
        services.awaitStopOrInterrupt();
    }

    @Override
    public void close() {
        // The interrupt that ended the command must not cut this short.
        Thread.interrupted();
        Quarkus.asyncExit();
        services.awaitStop();
        embedded.close();
        untidy.close();
    }

    private static void configure(Map<String, String> settings) {
        settings.forEach(System::setProperty);
    }
}
