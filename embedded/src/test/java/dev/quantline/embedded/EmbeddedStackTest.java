package dev.quantline.embedded;

import io.minio.GetObjectArgs;
import io.minio.MinioClient;
import io.minio.PutObjectArgs;
import io.minio.errors.ErrorResponseException;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EmbeddedStackTest {
    private static final byte[] OBJECT = "an object".getBytes();

    @TempDir
    Path folder;

    @Test
    void recordsAndObjectsSurviveAnOrderlyRestart() throws Exception {
        // Given a stack that took a record and an object, and was closed
        StoreKeys keys;
        try (var stack = EmbeddedStack.start(folder, EmbeddedStack.Ports.free())) {
            write(stack.addresses());
            keys = stack.addresses().keys();
            assertEquals(Optional.of(stack.addresses()), DataFolder.running(folder));
        }
        assertEquals(Optional.empty(), DataFolder.running(folder));

        // When a new one starts on the same folder
        try (var stack = EmbeddedStack.start(folder, EmbeddedStack.Ports.free())) {
            // Then both are there, behind the same keys
            assertContents(stack.addresses());
            assertEquals(keys, stack.addresses().keys());
        }
    }

    @Test
    void bothServersListenOnTheLoopbackInterfaceAloneAndTheStoreTakesNoOtherKeys() throws Exception {
        try (var stack = EmbeddedStack.start(folder, EmbeddedStack.Ports.free())) {
            // Given the ports of both, which answer on the loopback interface
            var addresses = stack.addresses();
            var ports = List.of(
                    Integer.parseInt(addresses.bootstrapServers().replaceFirst(".*:", "")),
                    addresses.s3Endpoint().getPort());
            for (int port : ports) {
                new Socket(InetAddress.getLoopbackAddress(), port).close();
            }
            // Then they do not on any other interface of this machine
            for (var address : otherAddresses()) {
                for (int port : ports) {
                    assertThrows(ConnectException.class, () -> new Socket(address, port).close(), address + ":" + port);
                }
            }
            // And keys of another folder, or those that all stores once had, are refused
            write(addresses);
            for (var keys : List.of(
                    new StoreKeys("quantline", "quantline-secret"),
                    new StoreKeys(addresses.keys().accessKey(), "other"),
                    StoreKeys.keptIn(Files.createDirectory(folder.resolve("another"))))) {
                var stranger = new StackAddresses(addresses.bootstrapServers(), addresses.s3Endpoint(), keys);
                assertThrows(ErrorResponseException.class, () -> assertObject(stranger));
            }
        }
    }

    private static List<InetAddress> otherAddresses() throws Exception {
        return NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> !address.isLoopbackAddress() && !address.isLinkLocalAddress())
                .toList();
    }

    @Test
    void brokerAndStoreRunApartAndAreFoundTogether() throws Exception {
        // Given a store alone
        try (var _ = start(EmbeddedStack.Server.STORE)) {
            assertEquals(Optional.empty(), DataFolder.running(folder));
            assertThrows(FolderInUse.class, () -> start(EmbeddedStack.Server.STORE));
            // When the broker joins it, stops and comes back
            for (int again = 0; again < 2; again++) {
                try (var broker = start(EmbeddedStack.Server.BROKER)) {
                    // Then both are one stack
                    assertEquals(Optional.of(broker.addresses()), DataFolder.running(folder));
                    if (again == 0) {
                        write(broker.addresses());
                    } else {
                        assertContents(broker.addresses());
                    }
                }
                assertEquals(Optional.empty(), DataFolder.running(folder));
            }
        }
    }

    private EmbeddedStack start(EmbeddedStack.Server server) throws Exception {
        return EmbeddedStack.start(folder, EmbeddedStack.Ports.free(), EnumSet.of(server));
    }

    @Test
    void recordsAndObjectsSurviveTheDeathOfTheProcess() throws Exception {
        // Given a process whose stack took a record and an object, killed without warning
        var process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        StackProcess.class.getName(),
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(new File(folder.toFile(), "process.log"))
                .start();
        try {
            var addresses = awaitAddresses(process);
            write(addresses);
            assertThrows(FolderInUse.class, () -> EmbeddedStack.start(folder, EmbeddedStack.Ports.free()));
        } finally {
            process.destroyForcibly().waitFor();
        }

        // When a new one starts on the same folder
        try (var stack = EmbeddedStack.start(folder, EmbeddedStack.Ports.free())) {
            // Then both are there
            assertContents(stack.addresses());
        }
    }

    @Test
    void aTakenPortIsNamedAndLeavesTheFolderFree() throws Exception {
        // Given a port that somebody listens on
        try (var other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            // When the stack is to start there
            var refusal = assertThrows(
                    java.io.IOException.class,
                    () -> EmbeddedStack.start(folder, new EmbeddedStack.Ports(other.getLocalPort(), 0)));
            // Then the message says which port, and the folder can be claimed again
            assertTrue(refusal.getMessage().contains("port " + other.getLocalPort()), refusal.getMessage());
        }
        DataFolder.claim(folder, DataFolder.STORE).close();
    }

    private StackAddresses awaitAddresses(Process process) throws Exception {
        var deadline = Instant.now().plusSeconds(60);
        while (Instant.now().isBefore(deadline) && process.isAlive()) {
            var addresses = DataFolder.running(folder);
            if (addresses.isPresent()) {
                return addresses.get();
            }
            Thread.sleep(100);
        }
        throw new AssertionError("the child process published no addresses; see process.log");
    }

    private static void write(StackAddresses addresses) throws Exception {
        Map<String, Object> kafka = Map.of("bootstrap.servers", addresses.bootstrapServers());
        try (var admin = Admin.create(kafka);
                var producer = new KafkaProducer<>(kafka, new StringSerializer(), new StringSerializer())) {
            admin.createTopics(List.of(new NewTopic("kept", 2, (short) 1)))
                    .all()
                    .get(30, TimeUnit.SECONDS);
            producer.send(new ProducerRecord<>("kept", "key", "a record")).get(30, TimeUnit.SECONDS);
        }
        try (var store = client(addresses)) {
            store.putObject(PutObjectArgs.builder().bucket(StackAddresses.BUCKET).object("kept/object").stream(
                            new ByteArrayInputStream(OBJECT), (long) OBJECT.length, -1L)
                    .build());
        }
    }

    private static void assertContents(StackAddresses addresses) throws Exception {
        Map<String, Object> kafka = Map.of(
                "bootstrap.servers",
                addresses.bootstrapServers(),
                "group.id",
                "reader",
                "auto.offset.reset",
                "earliest");
        try (var consumer = new KafkaConsumer<>(kafka, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("kept"));
            var deadline = Instant.now().plusSeconds(30);
            var records = consumer.poll(Duration.ofMillis(200));
            while (records.isEmpty() && Instant.now().isBefore(deadline)) {
                records = consumer.poll(Duration.ofMillis(200));
            }
            assertEquals("a record", records.iterator().next().value());
        }
        assertObject(addresses);
    }

    private static void assertObject(StackAddresses addresses) throws Exception {
        try (var store = client(addresses);
                var object = store.getObject(GetObjectArgs.builder()
                        .bucket(StackAddresses.BUCKET)
                        .object("kept/object")
                        .build())) {
            assertArrayEquals(OBJECT, object.readAllBytes());
        }
    }

    private static MinioClient client(StackAddresses addresses) {
        return MinioClient.builder()
                .endpoint(addresses.s3Endpoint().toString())
                .credentials(addresses.keys().accessKey(), addresses.keys().secretKey())
                .build();
    }
}
