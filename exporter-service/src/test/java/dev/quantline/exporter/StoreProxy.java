package dev.quantline.exporter;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

import static org.awaitility.Awaitility.await;

/** In front of the store: passes requests on, one for each connection, and does something else with those that a fault is for. */
final class StoreProxy extends LoopbackProxy {
    private static final int CHUNK = 16 << 10;
    private static final int LONGEST_HEAD = 64 << 10;
    private static final Rule NONE = new Rule(_ -> false, Fault.none(), new CountDownLatch(0));

    private final AtomicInteger hits = new AtomicInteger();
    private volatile Rule rule = NONE;

    StoreProxy(int store) throws IOException {
        super(store);
    }

    /** @param path begins with the bucket */
    record Request(String method, String path, long length) {
        boolean isPut(String end) {
            return method.equals("PUT") && path.endsWith(end);
        }

        boolean isGet(String end) {
            return method.equals("GET") && path.endsWith(end);
        }

        /** Without the bucket. */
        String key() {
            return path.substring(path.indexOf('/') + 1);
        }
    }

    /** What is done with a request instead of passing it on. */
    @FunctionalInterface
    interface Fault {
        void happen(Exchange exchange) throws IOException, InterruptedException;

        /** The store says no, with a status and a code of S3. */
        static Fault answer(int status, String code) {
            return exchange -> exchange.answer(status, code, Instant.now());
        }

        /** The store's clock is ahead of the one that signed the request, or behind, by more than S3 allows. */
        static Fault clockAhead(Duration by) {
            return exchange ->
                    exchange.answer(403, "AccessDenied", Instant.now().plus(by));
        }

        /** The network is cut after so many bytes of what is uploaded. */
        static Fault cutUpload(long bytes) {
            return exchange -> exchange.sendRequest(bytes, 0);
        }

        /** The network is cut after so many bytes of the answer, its head included. */
        static Fault cutAnswer(long bytes) {
            return exchange -> {
                exchange.sendRequest(Long.MAX_VALUE, 0);
                copy(exchange.server().getInputStream(), exchange.client().getOutputStream(), bytes, 0);
            };
        }

        /** It passes, and is only counted. */
        static Fault none() {
            return Exchange::pass;
        }

        /** Each chunk of 16 KiB takes so long in each direction. */
        static Fault slow(long millis) {
            return exchange -> {
                exchange.sendRequest(Long.MAX_VALUE, millis);
                copy(exchange.server().getInputStream(), exchange.client().getOutputStream(), Long.MAX_VALUE, millis);
            };
        }

        /** It waits for {@link StoreProxy#heal}. */
        static Fault hold() {
            return exchange -> {
                exchange.healed().await();
                exchange.pass();
            };
        }

        /** After so many bytes of what is uploaded, the rest waits for {@link StoreProxy#heal}. */
        static Fault holdUpload(long bytes) {
            return exchange -> {
                exchange.sendRequest(bytes, 0);
                exchange.healed().await();
                copy(exchange.client().getInputStream(), exchange.server().getOutputStream(), exchange.rest(bytes), 0);
                exchange.passAnswer();
            };
        }
    }

    /** A request whose head has been read. */
    record Exchange(Request request, byte[] head, Socket client, Socket server, CountDownLatch healed) {
        void pass() throws IOException, InterruptedException {
            sendRequest(Long.MAX_VALUE, 0);
            passAnswer();
        }

        void passAnswer() throws IOException {
            server.getInputStream().transferTo(client.getOutputStream());
        }

        long rest(long bytes) {
            return Math.max(0, request.length() - bytes);
        }

        void sendRequest(long mostBytes, long millis) throws IOException, InterruptedException {
            server.getOutputStream().write(head);
            copy(client.getInputStream(), server.getOutputStream(), Math.min(request.length(), mostBytes), millis);
        }

        void answer(int status, String code, Instant now) throws IOException, InterruptedException {
            copy(client.getInputStream(), OutputStream.nullOutputStream(), request.length(), 0);
            var body =
                    "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>%s</Message></Error>".formatted(code, code);
            var text =
                    "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                            .formatted(
                                    status,
                                    code,
                                    DateTimeFormatter.RFC_1123_DATE_TIME.format(now.atOffset(ZoneOffset.UTC)),
                                    body.length(),
                                    request.method().equals("HEAD") ? "" : body);
            client.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
        }
    }

    private record Rule(Predicate<Request> which, Fault fault, CountDownLatch healed) {}

    /** From now on the fault happens to such requests; what is under way goes on. */
    void fault(Predicate<Request> which, Fault fault) {
        hits.set(0);
        rule = new Rule(which, fault, new CountDownLatch(1));
    }

    /** Everything passes again, also what was held. */
    void heal() {
        var over = rule;
        rule = NONE;
        over.healed.countDown();
    }

    /** Waits until the last fault has happened to so many requests. */
    void awaitHits(int count) {
        await("a fault of the store to happen %d times".formatted(count))
                .pollInterval(Duration.ofMillis(10))
                .atMost(PATIENCE)
                .until(() -> hits.get() >= count);
    }

    @Override
    void serve(Socket client, Socket server) throws IOException, InterruptedException {
        var head = head(client.getInputStream());
        if (head.isEmpty()) {
            return;
        }
        var request = request(head);
        var now = rule;
        var alone = head.replaceFirst("\r\n", "\r\nConnection: close\r\n").getBytes(StandardCharsets.ISO_8859_1);
        var exchange = new Exchange(request, alone, client, server, now.healed);
        if (now.which.test(request)) {
            hits.incrementAndGet();
            now.fault.happen(exchange);
        } else {
            exchange.pass();
        }
    }

    /** The lines up to the empty one, without a header that keeps the connection open; empty when the client hangs up. */
    private static String head(InputStream in) throws IOException {
        var head = new ByteArrayOutputStream();
        int newlines = 0;
        while (newlines < 2) {
            int c = in.read();
            if (c < 0 || head.size() > LONGEST_HEAD) {
                return "";
            }
            head.write(c);
            newlines = c == '\n' ? newlines + 1 : c == '\r' ? newlines : 0;
        }
        return head.toString(StandardCharsets.ISO_8859_1).replaceFirst("(?i)\r\nConnection: [^\r]*", "");
    }

    private static Request request(String head) {
        var words = head.split("[ ?]", 3);
        var length = head.lines()
                .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("content-length:"))
                .mapToLong(line ->
                        Long.parseLong(line.substring(line.indexOf(':') + 1).strip()))
                .findFirst()
                .orElse(0);
        return new Request(words[0], words[1].substring(1), length);
    }

    private static void copy(InputStream in, OutputStream out, long bytes, long millis)
            throws IOException, InterruptedException {
        var chunk = new byte[CHUNK];
        for (long left = bytes; left > 0; ) {
            int count = in.read(chunk, 0, (int) Math.min(left, chunk.length));
            if (count < 0) {
                return;
            }
            Thread.sleep(millis);
            out.write(chunk, 0, count);
            left -= count;
        }
    }
}
