package dev.quantline.pipeline.store;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.minio.BucketExistsArgs;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Against a store that answers what a policy lets it, as tersely as SeaweedFS, for a bucket that is there unless a test says otherwise. */
class StoreRightsTest {
    @TempDir
    Path folder;

    private HttpServer server;
    private StoreSettings settings;
    private String denied = "";
    private boolean bucketExists = true;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", this::answer);
        server.start();
        settings = new StoreSettings(
                URI.create("http://127.0.0.1:" + server.getAddress().getPort()),
                "us-east-1",
                StoreAccess.keys("a", "b"),
                "quantline",
                Set.of(),
                1 << 20,
                folder,
                1 << 20);
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void nothingLacksWhereAllIsAllowed() {
        assertEquals(List.of(), new StoreRights(settings).denied());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GetObject",
                "PutObject",
                "DeleteObject",
                "ListBucket",
                "ListBucketMultipartUploads",
                "AbortMultipartUpload"
            })
    void aRightThatIsTakenAwayIsNamed(String right) {
        denied = right;
        assertEquals(List.of("s3:" + right), new StoreRights(settings).denied());
    }

    @Test
    void aBucketThatMayNotBeSeenOrMadeNamesTheRight() {
        try (var store = new Store(settings)) {
            denied = "ListBucket";
            var unseen = assertThrows(StoreUnavailable.class, store::isReady);
            assertEquals(Optional.of("s3:ListBucket"), unseen.denied());

            denied = "CreateBucket";
            bucketExists = false;
            var unmade = assertThrows(StoreUnavailable.class, store::prepare);
            assertEquals(
                    "the object store at %s does not let these keys use the right s3:CreateBucket: Access denied"
                            .formatted(settings.endpoint()),
                    unmade.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT20M30S", "-PT20M30S"})
    void aWrongClockIsNoMissingRight(Duration ahead) throws Exception {
        try (var s3 = new S3(settings, () -> Instant.now().plus(ahead))) {
            denied = "ListBucket";
            var refused = assertThrows(
                    StoreUnavailable.class,
                    () -> s3.call(() -> s3.client()
                            .bucketExists(BucketExistsArgs.builder()
                                    .bucket(settings.bucket())
                                    .build())));
            assertEquals(Optional.empty(), refused.denied());
            assertEquals(
                    "the object store at %s refuses requests of this machine, whose clock differs from the store's by 20 minutes: set it"
                            .formatted(settings.endpoint()),
                    refused.getMessage());
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        var query = Optional.ofNullable(exchange.getRequestURI().getQuery()).orElse("");
        boolean object = exchange.getRequestURI().getPath().length() > "/quantline/".length();
        exchange.getRequestBody().readAllBytes();
        var asked = asked(exchange.getRequestMethod(), object, query);
        exchange.getResponseHeaders().add("ETag", "\"e\"");
        exchange.getResponseHeaders().add("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT");
        exchange.getResponseHeaders().add("Content-Type", "application/xml");
        if (asked.equals(denied)) {
            send(exchange, 403, "<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>");
        } else if (exchange.getRequestMethod().equals("HEAD")) {
            send(exchange, bucketExists ? 200 : 404, "");
        } else {
            send(exchange, 200, content(asked, query));
        }
    }

    private static String asked(String method, boolean object, String query) {
        return switch (method) {
            case "PUT", "POST" -> object ? "PutObject" : "CreateBucket";
            case "DELETE" -> query.contains("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
            default -> object ? "GetObject" : query.contains("uploads") ? "ListBucketMultipartUploads" : "ListBucket";
        };
    }

    private static String content(String asked, String query) {
        return switch (asked) {
            case "ListBucket" -> "<ListBucketResult><Name>quantline</Name><KeyCount>0</KeyCount></ListBucketResult>";
            case "ListBucketMultipartUploads" -> """
                    <ListMultipartUploadsResult><Bucket>quantline</Bucket><MaxUploads>9</MaxUploads><IsTruncated>false</IsTruncated><Upload>
                    <Key>a</Key><UploadId>1</UploadId><Initiated>2026-10-21T07:28:00.000Z</Initiated></Upload>
                    </ListMultipartUploadsResult>""";
            case "PutObject" ->
                query.contains("uploads")
                        ? "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>a</Key><UploadId>1</UploadId>"
                                + "</InitiateMultipartUploadResult>"
                        : "";
            default -> "";
        };
    }

    private static void send(HttpExchange exchange, int code, String body) throws IOException {
        var bytes = body.getBytes(UTF_8);
        exchange.sendResponseHeaders(code, bytes.length == 0 ? -1 : bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}
