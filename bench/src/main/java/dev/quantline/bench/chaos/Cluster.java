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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/** The four packaged services, a broker and a store, each a process of its own, and a proxy before the store. */
public final class Cluster implements AutoCloseable {
    static final List<String> SERVICES = List.of("profiler", "calibrator", "tuner", "exporter");
    private static final int START_SECONDS = 120;
    private static final long LARGEST = 1L << 34;
    private static final List<String> JAVA = List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC");
    /** For processes that live for seconds: compiling less starts them sooner. */
    private static final List<String> SHORT_LIVED = List.of("-Xmx384m", "-XX:TieredStopAtLevel=1");

    private static final List<String> LONG_LIVED = List.of("-Xmx1g");
    /** One core and one thread each, so that as many replicas as there are cores do not disturb each other. */
    private static final List<String> ONE_CORE =
            List.of("-Xmx1g", "-XX:ActiveProcessorCount=1", "-Dquantline.work.provider=cpu:1");

    private final Path folder;
    private final StoreKeys keys;
    private final String broker;
    private final Proxy proxy;
    private final Store store;
    private final Node brokerNode;
    private final Node storeNode;
    private final List<Node> services = new ArrayList<>();
    /** By replica, in their order. */
    private final Map<String, MemoryGroup> groups = new LinkedHashMap<>();

    /** Services that may be killed at any moment. @param root of the checkout, whose services are built */
    static Cluster ofShortLived(Path root, Path folder) throws IOException {
        return new Cluster(root, folder, SHORT_LIVED, SERVICES, OptionalLong.empty());
    }

    /** Services that compute as fast as the machine allows. @param root of the checkout, whose services are built */
    public static Cluster ofOneEach(Path root, Path folder) throws IOException {
        return new Cluster(root, folder, LONG_LIVED, SERVICES, OptionalLong.empty());
    }

    /**
     * Services of which each, with its child, has so much memory.
     *
     * @param root    of the checkout, whose services are built
     * @param bytes   of memory, pages of files included
     * @param options of their Java
     */
    public static Cluster ofBounded(Path root, Path folder, long bytes, List<String> options) throws IOException {
        return new Cluster(root, folder, options, SERVICES, OptionalLong.of(bytes));
    }

    /**
     * So many replicas of the calibrator and of the tuner, with one core each, and one of the others.
     *
     * @param root of the checkout, whose services are built
     */
    public static Cluster ofReplicas(Path root, Path folder, int replicas) throws IOException {
        var names = new ArrayList<>(SERVICES);
        for (int more = 1; more < replicas; more++) {
            names.addAll(List.of("calibrator", "tuner"));
        }
        return new Cluster(root, folder, ONE_CORE, names, OptionalLong.empty());
    }

    /** Starts everything and returns when broker and store listen. */
    private Cluster(Path root, Path folder, List<String> options, List<String> names, OptionalLong bytes)
            throws IOException {
        this.folder = folder;
        this.keys = keys(folder);
        int brokerPort = freePort();
        int storePort = freePort();
        broker = "127.0.0.1:" + brokerPort;
        proxy = new Proxy(storePort);
        brokerNode = server("broker", brokerPort, options);
        storeNode = server("store", storePort, options);
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
        for (String name : names) {
            var replica = name + "-" + services.size();
            var command = service(root, name, replica, options);
            if (bytes.isPresent()) {
                groups.put(
                        replica, new MemoryGroup("quantline-bench-" + brokerPort + "-" + replica, bytes.getAsLong()));
                command = groups.get(replica).around(command);
            }
            var service = new Node(command, folder.resolve(replica + ".log"));
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

    private Node server(String kind, int port, List<String> options) {
        var command = new ArrayList<>(JAVA);
        command.addAll(options);
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

    private List<String> service(Path root, String name, String replica, List<String> options) throws IOException {
        var command = new ArrayList<>(JAVA);
        command.addAll(options);
        command.addAll(List.of(
                "-Dkafka.bootstrap.servers=" + broker,
                "-Dquantline.store.endpoint=http://127.0.0.1:" + proxy.port(),
                "-Dquantline.store.access-key=" + keys.accessKey(),
                "-Dquantline.store.secret-key=" + keys.secretKey(),
                "-Dquantline.replica=" + replica,
                "-Dquantline.work.folder=" + folder.resolve(replica + "-work"),
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

    /** KiB of memory that each bounded replica has now, with its child, without pages of files. */
    public Map<String, Long> privateMemory() throws IOException {
        var memory = new LinkedHashMap<String, Long>();
        for (var group : groups.entrySet()) {
            memory.put(group.getKey(), group.getValue().own());
        }
        return memory;
    }

    /** KiB of memory that each bounded replica had at its peak, pages of files included. */
    public Map<String, Long> peakMemory() throws IOException {
        var peaks = new LinkedHashMap<String, Long>();
        for (var group : groups.entrySet()) {
            peaks.put(group.getKey(), group.getValue().peak() / 1024);
        }
        return peaks;
    }

    /** Where the logs of all processes are. */
    Path logs() {
        return folder;
    }

    /** Ends all processes; leaves logs and data. */
    @Override
    public void close() throws IOException {
        nodes().forEach(Node::kill);
        for (var group : groups.values()) {
            group.close();
        }
        store.close();
        proxy.close();
    }
}
