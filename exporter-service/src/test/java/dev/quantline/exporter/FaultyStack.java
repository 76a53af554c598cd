package dev.quantline.exporter;

import dev.quantline.embedded.Broker;
import dev.quantline.embedded.ObjectServer;
import dev.quantline.embedded.StackAddresses;
import dev.quantline.embedded.StoreKeys;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.event.Topics;
import dev.quantline.pipeline.stage.Scratch;
import dev.quantline.pipeline.store.RealStore;
import dev.quantline.pipeline.store.Store;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

/**
 * The four packaged services, each a process, and broker and store in this one, behind proxies. Every part can be taken away and brought
 * back. The tests of one run share it.
 */
final class FaultyStack implements AutoCloseable {
    private static final Topics TOPICS = new Topics(Topics.DEFAULT_PREFIX);
    private static final Duration START = Duration.ofMinutes(2);
    private static final long LARGEST = 1 << 24;
    /** Of all processes; the logs stay there. */
    private static final Path FOLDER = Path.of("target", "faults").toAbsolutePath();

    private static final String[] OPTIONS = {
        // How soon a killed service is missed: less than brokers allow that nobody told otherwise.
        "-Dmp.messaging.connector.smallrye-kafka.session.timeout.ms=4000",
        "-Dmp.messaging.connector.smallrye-kafka.heartbeat.interval.ms=1000",
        // Processes that live for seconds: compiling less starts them sooner.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC"
    };

    private final StoreKeys keys;
    private final int brokerPort = freePort();
    private final int storePort = freePort();
    private final StoreProxy storeProxy;
    private final LoopbackProxy brokerLink;
    private final Map<StageName, ServiceProcess> services = new EnumMap<>(StageName.class);
    private final Map<SmallJob, byte[]> undisturbed = new EnumMap<>(SmallJob.class);
    private final AtomicInteger jobs = new AtomicInteger();
    private final Store store;
    private final KafkaProducer<byte[], byte[]> producer;
    private final Events events;
    private Broker broker;
    private ObjectServer storeServer;

    /** Starts it for the first test class and ends it after the last. */
    static final class Shared implements ParameterResolver {
        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == FaultyStack.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return context.getRoot()
                    .getStore(ExtensionContext.Namespace.GLOBAL)
                    .computeIfAbsent(FaultyStack.class, _ -> start());
        }
    }

    private static FaultyStack start() {
        try {
            if (Files.exists(FOLDER)) {
                Scratch.delete(FOLDER);
            }
            Files.createDirectories(FOLDER);
            return new FaultyStack();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private FaultyStack() throws IOException {
        keys = StoreKeys.keptIn(FOLDER);
        storeProxy = new StoreProxy(storePort);
        brokerLink = new LoopbackProxy(brokerPort);
        startBroker();
        startStore();
        store = new Store(RealStore.settings(storeAt(storePort), keys, LARGEST, FOLDER.resolve("cache")));
        for (var stage : StageName.values()) {
            start(stage);
        }
        services.values().forEach(FaultyStack::awaitReady);
        SmallJob.storeInputs(store, FOLDER);
        producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", addresses().bootstrapServers()),
                new ByteArraySerializer(),
                new ByteArraySerializer());
        events = new Events(addresses().bootstrapServers());
    }

    Store store() {
        return store;
    }

    StoreProxy storeProxy() {
        return storeProxy;
    }

    LoopbackProxy brokerLink() {
        return brokerLink;
    }

    Events events() {
        return events;
    }

    ServiceProcess service(StageName stage) {
        return services.get(stage);
    }

    /** Starts a service in place of the one there was. */
    void start(StageName stage) {
        services.put(stage, replica(stage));
    }

    /** Starts one more. */
    ServiceProcess replica(StageName stage) {
        try {
            return ServiceProcess.start(stage.service(), addresses(), FOLDER, OPTIONS);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void awaitReady(ServiceProcess service) {
        await("a service to be ready").atMost(START).until(() -> service.health("ready") == 200);
    }

    void startBroker() throws IOException {
        broker = Broker.start(
                FOLDER.resolve("broker"),
                brokerPort,
                Map.of(
                        "advertised.listeners",
                        "PLAINTEXT://127.0.0.1:" + brokerLink.port(),
                        "group.min.session.timeout.ms",
                        "1000"));
    }

    void stopBroker() {
        broker.close();
    }

    void startStore() throws IOException {
        storeServer = ObjectServer.start(FOLDER.resolve("store"), storePort, keys);
    }

    void stopStore() {
        storeServer.close();
    }

    /** The folder of an object's file. */
    static Path file(String key) {
        return FOLDER.resolve("store").resolve(StackAddresses.BUCKET).resolve(key);
    }

    /** What the services have in their caches is lost: they have to fetch it. */
    void forgetCaches() throws IOException {
        for (var stage : StageName.values()) {
            var contents =
                    FOLDER.resolve(stage.service() + "-work").resolve("cache").resolve("contents");
            try (var files = Files.newDirectoryStream(contents)) {
                for (var file : files) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /** The model that comes of a job when nothing happens. */
    byte[] undisturbed(SmallJob kind) {
        return undisturbed.computeIfAbsent(kind, _ -> {
            var job = submit(kind);
            events.awaitDone(job);
            return model(job);
        });
    }

    /** Publishes a new request of this kind and returns its id. */
    String submit(SmallJob kind) {
        var job = newId(kind);
        publish(job, kind.request(job), Instant.now());
        return job;
    }

    String newId(SmallJob kind) {
        return kind.name().toLowerCase(Locale.ROOT) + "-" + jobs.incrementAndGet();
    }

    /** @param said when, by the clock of whoever says it */
    void publish(String key, byte[] request, Instant said) {
        producer.send(new ProducerRecord<>(
                TOPICS.jobs(), null, said.toEpochMilli(), key.getBytes(StandardCharsets.UTF_8), request));
        producer.flush();
    }

    /** Waits until the job is done, with the bytes that it has when nothing happens, and nobody called it failed. */
    Event.Completed awaitUndisturbed(String job, SmallJob kind) {
        var done = events.awaitDone(job);
        assertArrayEquals(undisturbed(kind), model(job), job + " left another model than the undisturbed job");
        assertEquals(List.of(), events.about(job, Event.Failed.class));
        return done;
    }

    /** What a job delivered. */
    byte[] model(String job) {
        return store.read("jobs/" + job + "/export/model.onnx").orElseThrow();
    }

    boolean isDone(String job) {
        return store.exists("jobs/" + job + "/export/report.json");
    }

    /** Whether a stage of a job was planned and has no result yet. */
    boolean isUnderWay(String job, StageName stage) {
        var keys = store.list("jobs/" + job + "/" + stage.verb() + "/");
        return keys.stream().anyMatch(key -> key.endsWith("order.json"))
                && keys.stream().noneMatch(key -> key.endsWith("manifest.json"));
    }

    private StackAddresses addresses() {
        return new StackAddresses("127.0.0.1:" + brokerLink.port(), storeAt(storeProxy.port()), keys);
    }

    private static URI storeAt(int port) {
        return URI.create("http://127.0.0.1:" + port);
    }

    private static int freePort() {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws Exception {
        events.close();
        producer.close();
        services.values().forEach(ServiceProcess::close);
        store.close();
        storeServer.close();
        broker.close();
        storeProxy.close();
        brokerLink.close();
    }
}
