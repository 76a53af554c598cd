package dev.quantline.pipeline.store;

import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** How a client shows the store who it is, and which stores it believes. */
class StoreAccessTest {
    private static final String AGENT = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    private static final String PASSWORD = "password";

    @TempDir
    Path folder;

    @Test
    void aWorkloadGetsItsKeysFromThePlatform() throws Exception {
        try (var real = RealStore.start(folder, 1 << 20)) {
            // Given an agent that gives the keys of the store, as that of Amazon's EKS does
            var keys = real.stack().addresses().keys();
            var agent = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            agent.createContext("/", answer("""
                    {"AccessKeyId": "%s", "SecretAccessKey": "%s", "Expiration": "2099-01-01T00:00:00Z"}
                    """.formatted(keys.accessKey(), keys.secretKey())));
            agent.start();
            System.setProperty(AGENT, "http://127.0.0.1:" + agent.getAddress().getPort() + "/");
            var endpoint = real.stack().addresses().s3Endpoint();
            try (var store = store(endpoint, StoreAccess.workloadIdentity())) {
                // When, then
                store.write("jobs/a", "content".getBytes(UTF_8));
                assertEquals("content", new String(real.store().read("jobs/a").orElseThrow(), UTF_8));
            } finally {
                agent.stop(0);
            }
            // When the agent is gone, then that is a failure of the world
            try (var store = store(endpoint, StoreAccess.workloadIdentity())) {
                assertThrows(StoreUnavailable.class, store::isReady);
            }
        } finally {
            System.clearProperty(AGENT);
        }
    }

    @Test
    void aStoreWithACertificateOfOwnAuthoritiesIsBelievedIfTheyAreNamed() throws Exception {
        // Given a store whose certificate Java does not know
        keytool("-genkeypair", "-keyalg", "EC", "-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1");
        keytool("-exportcert", "-rfc", "-file", "ca.pem");
        var server = https();
        var endpoint = URI.create("https://127.0.0.1:" + server.getAddress().getPort());
        var access = StoreAccess.keys("a", "b");
        try (var strict = store(endpoint, access);
                var trusting = store(endpoint, access.trusting(folder.resolve("ca.pem")))) {
            // When, then
            assertThrows(StoreUnavailable.class, strict::isReady);
            assertTrue(trusting.isReady());
        } finally {
            server.stop(0);
        }
        var noFile = assertThrows(
                IllegalArgumentException.class, () -> store(endpoint, access.trusting(folder.resolve("none.pem"))));
        assertTrue(noFile.getMessage().contains("none.pem"), noFile.getMessage());
    }

    @Test
    void keysAreInNoText() {
        assertFalse(StoreAccess.keys("visible", "secret").toString().contains("secret"));
    }

    private Store store(URI endpoint, StoreAccess access) {
        var cache = folder.resolve("cache-of-a-client");
        return new Store(
                new StoreSettings(endpoint, "us-east-1", access, "quantline", Set.of(), 1 << 20, cache, 1 << 20));
    }

    private HttpsServer https() throws Exception {
        var keys = KeyStore.getInstance(folder.resolve("keys").toFile(), PASSWORD.toCharArray());
        var managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, PASSWORD.toCharArray());
        var tls = SSLContext.getInstance("TLS");
        tls.init(managers.getKeyManagers(), null, null);
        var server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(tls));
        server.createContext("/", answer(""));
        server.start();
        return server;
    }

    private static HttpHandler answer(String body) {
        return exchange -> {
            var bytes = body.getBytes(UTF_8);
            exchange.sendResponseHeaders(200, bytes.length == 0 ? -1 : bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        };
    }

    private void keytool(String... arguments) throws IOException, InterruptedException {
        var tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        var common = List.of("-keystore", "keys", "-storepass", PASSWORD, "-alias", "store");
        var log = folder.resolve("keytool.log");
        var code = new ProcessBuilder(Stream.of(List.of(tool), List.of(arguments), common)
                        .flatMap(List::stream)
                        .toList())
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        assertEquals(0, code, Files.readString(log));
    }
}
