package dev.quantline.pipeline.service;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.storage.Formatter;
import org.apache.kafka.server.common.MetadataVersion;

/** A broker that demands TLS and a password (SCRAM), in place of the one of {@link StackResource}. */
public final class SecuredBroker implements QuarkusTestResourceLifecycleManager {
    private static final String PASSWORD = "a-password";
    private Path folder;
    private KafkaRaftServer broker;

    /** After the other, whose broker it replaces. */
    @Override
    public int order() {
        return 1;
    }

    @Override
    public Map<String, String> start() {
        try {
            folder = Files.createTempDirectory("quantline-secured-broker");
            var address = "localhost:" + freePort();
            var certificate = certificate(folder);
            format(folder.resolve("data"));
            broker = new KafkaRaftServer(
                    KafkaConfig.fromProps(server(folder, address, "localhost:" + freePort()), false), Time.SYSTEM);
            broker.startup();
            return Map.of(
                    "kafka.bootstrap.servers",
                    address,
                    "kafka.security.protocol",
                    "SASL_SSL",
                    "kafka.sasl.mechanism",
                    "SCRAM-SHA-512",
                    "kafka.sasl.jaas.config",
                    "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"quantline\" password=\""
                            + PASSWORD + "\";",
                    "kafka.ssl.truststore.type",
                    "PEM",
                    "kafka.ssl.truststore.certificates",
                    certificate);
        } catch (Exception failure) {
            throw new IllegalStateException(failure);
        }
    }

    @Override
    public void stop() {
        broker.shutdown();
        broker.awaitShutdown();
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    /** Makes a key for this host in the folder, and returns its certificate as PEM. */
    private static String certificate(Path folder) throws Exception {
        var tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        new ProcessBuilder(List.of(
                        tool,
                        "-genkeypair",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=localhost",
                        "-ext",
                        "SAN=dns:localhost",
                        "-alias",
                        "broker",
                        "-keystore",
                        "keys",
                        "-storepass",
                        PASSWORD))
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("keytool.log").toFile())
                .start()
                .waitFor();
        var keys = KeyStore.getInstance(folder.resolve("keys").toFile(), PASSWORD.toCharArray());
        return "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
                .formatted(Base64.getMimeEncoder()
                        .encodeToString(keys.getCertificate("broker").getEncoded()));
    }

    private static void format(Path data) throws Exception {
        Files.createDirectories(data);
        new Formatter()
                .setPrintStream(new PrintStream(OutputStream.nullOutputStream()))
                .setNodeId(1)
                .setClusterId(Uuid.randomUuid().toString())
                .setReleaseVersion(MetadataVersion.LATEST_PRODUCTION)
                .setControllerListenerName("CONTROLLER")
                .setMetadataLogDirectory(data.toString())
                .addDirectory(data.toString())
                .setScramArguments(List.of("SCRAM-SHA-512=[name=quantline,password=" + PASSWORD + "]"))
                .run();
    }

    private static Properties server(Path folder, String address, String controller) {
        var settings = new Properties();
        settings.putAll(Map.of(
                "process.roles", "broker,controller",
                "node.id", "1",
                "listeners", "CLIENTS://" + address + ",CONTROLLER://" + controller,
                "advertised.listeners", "CLIENTS://" + address,
                "inter.broker.listener.name", "CLIENTS",
                "listener.security.protocol.map", "CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
                "controller.listener.names", "CONTROLLER",
                "controller.quorum.voters", "1@" + controller,
                "log.dirs", folder.resolve("data").toString(),
                "auto.create.topics.enable", "false"));
        settings.putAll(Map.of(
                "sasl.enabled.mechanisms",
                "SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol",
                "SCRAM-SHA-512",
                "listener.name.clients.scram-sha-512.sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"quantline\" password=\""
                        + PASSWORD + "\";",
                "ssl.keystore.location",
                folder.resolve("keys").toString(),
                "ssl.keystore.password",
                PASSWORD,
                "ssl.truststore.location",
                folder.resolve("keys").toString(),
                "ssl.truststore.password",
                PASSWORD,
                "offsets.topic.replication.factor",
                "1",
                "offsets.topic.num.partitions",
                "1",
                "group.initial.rebalance.delay.ms",
                "0"));
        return settings;
    }
}
