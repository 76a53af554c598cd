package dev.quantline.embedded;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/** One Kafka node in KRaft mode, both broker and controller, with its own folder. */
public final class Broker implements AutoCloseable {
    private static final int NODE = 1;
    private static final String CONTROLLER = "CONTROLLER";

    private final KafkaRaftServer server;
    private final String bootstrapServers;

    private Broker(KafkaRaftServer server, String bootstrapServers) {
        this.server = server;
        this.bootstrapServers = bootstrapServers;
    }

    public static Broker start(Path folder, int port) throws IOException {
        return start(folder, port, Map.of());
    }

    /** @param others settings of Kafka that replace ours, or come on top of them */
    public static Broker start(Path folder, int port, Map<String, String> others) throws IOException {
        try {
            var address = "127.0.0.1:" + port;
            if (!Files.exists(folder.resolve("meta.properties"))) {
                format(folder);
            }
            var controller = "127.0.0.1:" + EmbeddedStack.freePort(0, "Kafka controller");
            var settings = settings(folder, address, controller);
            settings.putAll(others);
            var server = new KafkaRaftServer(KafkaConfig.fromProps(settings, false), Time.SYSTEM);
            server.startup();
            return new Broker(server, address);
        } catch (Exception failure) {
            throw new IOException("the Kafka broker did not start on " + folder + ": " + failure.getMessage(), failure);
        }
    }

    String bootstrapServers() {
        return bootstrapServers;
    }

    @Override
    public void close() {
        server.shutdown();
        server.awaitShutdown();
    }

    private static void format(Path folder) throws Exception {
        Files.createDirectories(folder);
        new Formatter()
                .setPrintStream(new PrintStream(OutputStream.nullOutputStream()))
                .setNodeId(NODE)
                .setClusterId(Uuid.randomUuid().toString())
                .setReleaseVersion(MetadataVersion.LATEST_PRODUCTION)
                .setControllerListenerName(CONTROLLER)
                .setMetadataLogDirectory(folder.toString())
                .addDirectory(folder.toString())
                .run();
    }

    private static Properties settings(Path folder, String address, String controller) {
        var settings = new Properties();
        settings.putAll(Map.of(
                "process.roles",
                "broker,controller",
                "node.id",
                String.valueOf(NODE),
                "listeners",
                "PLAINTEXT://" + address + "," + CONTROLLER + "://" + controller,
                "advertised.listeners",
                "PLAINTEXT://" + address,
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT," + CONTROLLER + ":PLAINTEXT",
                "controller.listener.names",
                CONTROLLER,
                "controller.quorum.voters",
                NODE + "@" + controller,
                "log.dirs",
                folder.toString(),
                // A topic exists because somebody chose its partitions, never because of a mistyped name.
                "auto.create.topics.enable",
                "false"));
        settings.putAll(Map.of(
                "offsets.topic.replication.factor", "1",
                "offsets.topic.num.partitions", "1",
                "transaction.state.log.replication.factor", "1",
                "transaction.state.log.min.isr", "1",
                "share.coordinator.state.topic.replication.factor", "1",
                "share.coordinator.state.topic.min.isr", "1"));
        // A single node on a laptop: quick to notice that its former self died, no waiting for more members, small
        // buffers.
        settings.putAll(Map.of(
                "broker.session.timeout.ms", "3000",
                "broker.heartbeat.interval.ms", "500",
                "group.initial.rebalance.delay.ms", "0",
                "log.cleaner.dedupe.buffer.size", "2097152",
                "num.network.threads", "2",
                "num.io.threads", "4"));
        return settings;
    }
}
