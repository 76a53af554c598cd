package dev.quantline.bench.chaos;

import dev.quantline.embedded.StackAddresses;
import dev.quantline.embedded.StoreKeys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.pipeline.store.StoreAccess;
import dev.quantline.pipeline.store.StoreSettings;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The four packaged services, a broker and a store, each a process of its own, and a proxy before the store. */
public final class Cluster implements AutoCloseable {
    static final List<String> SERVICES = List.of("profiler", "calibrator", "tuner", "exporter");
    private static final int START_SECONDS = 120;
    private static final long LARGEST = 1 << 30;
    private static final List<String> JAVA = List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Xmx384m",
            // A process that lives for seconds: compiling less starts it sooner.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC");

    private final Path folder;
    private final StoreKeys keys;
    private final String broker;
    private final Proxy proxy;
    private final Store store;
    private final Node brokerNode;
    private final Node storeNode;
    private final List<Node> services = new ArrayList<>();

    /** Starts everything and returns when broker and store listen. @param root of the checkout, whose services are built */
    public Cluster(Path root, Path folder) throws IOException {
        this.folder = folder;
        this.keys = keys(folder);
        int brokerPort = freePort();
        int storePort = freePort();
        broker = "127.0.0.1:" + brokerPort;
        proxy = new Proxy(storePort);
        brokerNode = server("broker", brokerPort);
        storeNode = server("store", storePort);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> nodes().forEach(Node::kill)));
        brokerNode.start();
        storeNode.start();
        awaitPort(brokerPort);
        awaitPort(storePort);
        store = new Store(new StoreSettings(
                URI.create("http://127.0.0.1:" + storePort),
                "us-east-1",
                StoreAccess.keys(keys.accessKey(), keys.secretKey()),
                StackAddresses.BUCKET,
                Set.of(),
                LARGEST,
                folder.resolve("cache"),
                LARGEST));
        for (String name : SERVICES) {
            var service = new Node(service(root, name), folder.resolve(name + ".log"));
            services.add(service);
            service.start();
        }
    }

    /** Of the store whose data lies below a folder. */
    static StoreKeys keys(Path folder) throws IOException {
        return StoreKeys.keptIn(Files.createDirectories(folder.resolve("keys")));
    }

    public String bootstrapServers() {
        return broker;
    }

    /** Reached past the proxy. */
    public Store store() {
        return store;
    }

    Proxy proxy() {
        return proxy;
    }

    Node broker() {
        return brokerNode;
    }

    Node storeServer() {
        return storeNode;
    }

    List<Node> services() {
        return services;
    }

    private Stream<Node> nodes() {
        return Stream.concat(services.stream(), Stream.of(brokerNode, storeNode));
    }

    private Node server(String kind, int port) {
        var command = new ArrayList<>(JAVA);
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                Chaos.class.getName(),
                Chaos.SERVE,
                kind,
                folder.resolve(kind).toString(),
                String.valueOf(port)));
        return new Node(command, folder.resolve(kind + ".log"));
    }

    private List<String> service(Path root, String name) throws IOException {
        var command = new ArrayList<>(JAVA);
        command.addAll(List.of(
                "-Dkafka.bootstrap.servers=" + broker,
                "-Dquantline.store.endpoint=http://127.0.0.1:" + proxy.port(),
                "-Dquantline.store.access-key=" + keys.accessKey(),
                "-Dquantline.store.secret-key=" + keys.secretKey(),
                "-Dquantline.work.folder=" + folder.resolve(name + "-work"),
                // An item that kills its process is given up, so as not to kill all; here it is not the item's fault.
                "-Dquantline.limit.item-deaths=1000",
                "-Dquantline.limit.item-losses=1000",
                // The least that the broker allows: a killed service is missed for so long.
                "-Dmp.messaging.connector.smallrye-kafka.session.timeout.ms=6000",
                "-Dmp.messaging.connector.smallrye-kafka.heartbeat.interval.ms=2000",
                "-Dquarkus.http.port=" + freePort(),
                "-jar",
                Packaged.jar(root, name).toString()));
        return command;
    }

    private static void awaitPort(int port) throws IOException {
        for (int second = 0; second < START_SECONDS; second++) {
            try (var _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return;
            } catch (IOException notYet) {
                sleep();
            }
        }
        throw new IOException("nothing listens on port " + port + " after " + START_SECONDS + " s; see the logs");
    }

    private static void sleep() {
        try {
            Thread.sleep(1000);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    /** Where the logs of all processes are. */
    Path logs() {
        return folder;
    }

    /** Ends all processes; leaves logs and data. */
    @Override
    public void close() throws IOException {
        nodes().forEach(Node::kill);
        store.close();
        proxy.close();
    }
}
