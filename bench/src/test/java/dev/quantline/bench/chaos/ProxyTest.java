package dev.quantline.bench.chaos;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class ProxyTest {
    private HttpServer store;
    private Proxy proxy;

    @BeforeEach
    void start() throws IOException {
        store = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        store.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        store.start();
        proxy = new Proxy(store.getAddress().getPort());
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        store.stop(0);
    }

    private int status() throws Exception {
        try (var client = HttpClient.newHttpClient()) {
            var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + proxy.port() + "/"));
            return client.send(request.build(), HttpResponse.BodyHandlers.discarding())
                    .statusCode();
        }
    }

    @Test
    void itPassesOnAndAnswersWithErrorsWhileToldTo() throws Exception {
        assertEquals(200, status());

        proxy.error(503);
        assertEquals(503, status());

        proxy.error(0);
        proxy.slow(true);
        assertEquals(200, status());
    }
}
