package dev.quantline.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.common.KafkaException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/**
 * A Kafka client takes what the chart's variables say: it reads the certificates and the key, and it logs in, as far as that needs no
 * broker. Variables are put together as Kubernetes does, and become properties as in Quarkus.
 */
class KafkaClientTest {
    private static final String PASSWORD = "password";
    private static String certificate;
    private static String key;

    @TempDir
    static Path folder;

    @BeforeAll
    static void makeCertificate() throws Exception {
        var log = folder.resolve("keytool.log").toFile();
        var tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
        var code = new ProcessBuilder(
                        tool,
                        "-genkeypair",
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=x",
                        "-alias",
                        "x",
                        "-keystore",
                        "keys",
                        "-storepass",
                        PASSWORD)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log)
                .start()
                .waitFor();
        assertEquals(0, code, () -> "see " + log);
        var keys = KeyStore.getInstance(folder.resolve("keys").toFile(), PASSWORD.toCharArray());
        certificate = pem("CERTIFICATE", keys.getCertificate("x").getEncoded());
        key = pem("PRIVATE KEY", keys.getKey("x", PASSWORD.toCharArray()).getEncoded());
    }

    private static String pem(String what, byte[] der) {
        return "-----BEGIN %1$s-----\n%2$s\n-----END %1$s-----\n"
                .formatted(what, Base64.getMimeEncoder().encodeToString(der));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{securityProtocol: SSL, tls: {existingSecret: certificate}}",
                "{securityProtocol: SSL, tls: {existingSecret: certificate, clientExistingSecret: client}}",
                "{securityProtocol: SASL_SSL, tls: {existingSecret: certificate}, sasl: {existingSecret: user}}",
                "{securityProtocol: SASL_SSL, sasl: {mechanism: SCRAM-SHA-256, existingSecret: user, username: me}}",
                "{securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, existingSecret: user}}"
            })
    void certificatesAndPasswordsAreUnderstood(String kafka) throws IOException {
        Admin.create(properties(environment(kafka))).close();
    }

    @Test
    void aTokenIsFetched() throws IOException {
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        var asked = new HashMap<String, String>();
        server.createContext("/token", exchange -> {
            asked.put("client", exchange.getRequestHeaders().getFirst("Authorization"));
            asked.put("form", new String(exchange.getRequestBody().readAllBytes(), UTF_8));
            var answer = "{\"access_token\": \"%s\"}".formatted(token()).getBytes(UTF_8);
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        try {
            var environment = environment("""
                    {securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: OAUTHBEARER, existingSecret: user, oauth: {
                    tokenEndpoint: "http://127.0.0.1:%d/token", scope: kafka}}}""".formatted(server.getAddress().getPort()));
            // Kafka refuses endpoints that are not allowed
            assertThrows(KafkaException.class, () -> Admin.create(properties(environment)));

            var allowed = environment
                    .get("JAVA_TOOL_OPTIONS")
                    .substring("-D".length())
                    .split("=", 2);
            System.setProperty(allowed[0], allowed[1]);
            Admin.create(properties(environment)).close();
            System.clearProperty(allowed[0]);
        } finally {
            server.stop(0);
        }
        assertEquals(
                "Basic " + Base64.getEncoder().encodeToString("the-username:the-password".getBytes(UTF_8)),
                asked.get("client"));
        assertEquals("grant_type=client_credentials&scope=kafka", asked.get("form"));
    }

    private static String token() {
        var now = System.currentTimeMillis() / 1000;
        return Stream.of(
                        "{\"alg\": \"none\"}",
                        "{\"sub\": \"me\", \"scope\": \"kafka\", \"iat\": %d, \"exp\": %d}".formatted(now, now + 600),
                        "signature")
                .map(part -> Base64.getUrlEncoder().withoutPadding().encodeToString(part.getBytes(UTF_8)))
                .reduce((left, right) -> left + "." + right)
                .orElseThrow();
    }

    /** The variables of a stage, with values in place of references to secrets and to other variables. */
    private static Map<String, String> environment(String kafka) throws IOException {
        var values = Files.writeString(folder.resolve("values.yaml"), "kafka: " + kafka.replace("\n", " "));
        var variables = Manifests.parse(Chart.render(values))
                .get("Deployment/demo-quantline-tuner")
                .at("/spec/template/spec/containers/0/env");
        var environment = new HashMap<String, String>();
        for (JsonNode variable : variables) {
            var value = variable.has("value")
                    ? variable.path("value").asText()
                    : secret(variable.at("/valueFrom/secretKeyRef/key").asText());
            for (var earlier : environment.entrySet()) {
                value = value.replace("$(" + earlier.getKey() + ")", earlier.getValue());
            }
            environment.put(variable.path("name").asText(), value);
        }
        return environment;
    }

    private static String secret(String name) {
        return switch (name) {
            case "ca.crt", "tls.crt" -> certificate;
            case "tls.key" -> key;
            default -> "the-" + name;
        };
    }

    private static Map<String, Object> properties(Map<String, String> environment) {
        var properties = new HashMap<String, Object>();
        environment.forEach((name, value) -> {
            if (name.startsWith("KAFKA_")) {
                properties.put(
                        name.substring("KAFKA_".length())
                                .toLowerCase(Locale.ROOT)
                                .replace('_', '.'),
                        value);
            }
        });
        properties.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, List.of("127.0.0.1:1"));
        return properties;
    }
}
