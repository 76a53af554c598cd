package dev.quantline.bench.chaos;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Stands between the services and the store: passes bytes on, slowly if told so, or answers in the store's place with an error. */
final class Proxy implements Closeable {
    private static final int CHUNK = 16 << 10;
    private static final long SLOW_MILLIS = 150;

    private final ServerSocket server;
    private final int target;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile boolean slow;
    /** The status of every answer; 0 while the store answers. */
    private volatile int error;

    /** @param target port of the store */
    Proxy(int target) throws IOException {
        this.target = target;
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread.ofVirtual().start(this::accept);
    }

    int port() {
        return server.getLocalPort();
    }

    void slow(boolean on) {
        slow = on;
    }

    /** Cuts what is under way, so that uploads end in the middle, and answers every request with the status; 0 ends that. */
    void error(int status) {
        error = status;
        open.forEach(Proxy::closed);
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                var client = server.accept();
                Thread.ofVirtual().start(() -> serve(client));
            } catch (IOException stopped) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        open.add(client);
        try (client) {
            if (error != 0) {
                refuse(client, error);
                return;
            }
            try (var store = new Socket(InetAddress.getLoopbackAddress(), target)) {
                // Else what comes in two pieces waits 40 ms for an acknowledgement between them.
                client.setTcpNoDelay(true);
                store.setTcpNoDelay(true);
                Thread.ofVirtual().start(() -> pass(client, store));
                pass(store, client);
            }
        } catch (IOException gone) {
            // The one at the other end notices by itself.
        } finally {
            open.remove(client);
        }
    }

    private static void refuse(Socket client, int status) throws IOException {
        readHead(client.getInputStream());
        client.getOutputStream()
                .write("HTTP/1.1 %d Chaos\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        .formatted(status)
                        .getBytes(StandardCharsets.US_ASCII));
    }

    /** Up to the empty line, so that the client does not find its request unread. */
    private static void readHead(InputStream in) throws IOException {
        int ends = 0;
        for (int c = in.read(); c >= 0 && ends < 2; c = ends < 2 ? in.read() : c) {
            ends = c == '\n' ? ends + 1 : c == '\r' ? ends : 0;
        }
    }

    private void pass(Socket from, Socket to) {
        var chunk = new byte[CHUNK];
        try {
            for (int count = from.getInputStream().read(chunk);
                    count >= 0;
                    count = from.getInputStream().read(chunk)) {
                if (slow) {
                    Thread.sleep(SLOW_MILLIS);
                }
                to.getOutputStream().write(chunk, 0, count);
            }
        } catch (IOException gone) {
            // Both ends are closed below.
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        } finally {
            closed(from);
            closed(to);
        }
    }

    private static void closed(Socket socket) {
        try {
            socket.close();
        } catch (IOException gone) {
            // It is closed.
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        open.forEach(Proxy::closed);
    }
}
