package dev.quantline.exporter;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import static org.awaitility.Awaitility.await;

/** The network in front of a server on this machine: listens on a port of its own, and can be cut. */
class LoopbackProxy implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final int WAITING = 50;

    private final ServerSocket listener;
    private final int target;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger turnedAway = new AtomicInteger();
    private volatile boolean cut;

    /** @param target port of the server */
    LoopbackProxy(int target) throws IOException {
        this.listener = new ServerSocket(0, WAITING, InetAddress.getLoopbackAddress());
        this.target = target;
        Thread.ofVirtual().start(this::accept);
    }

    final int port() {
        return listener.getLocalPort();
    }

    /** Ends all connections, and every new one at once, until {@link #mend}. */
    final void cut() {
        cut = true;
        open.forEach(LoopbackProxy::close);
    }

    final void mend() {
        cut = false;
    }

    /** Waits until so many more clients were turned away, because the network is cut or the server away. */
    final void awaitTurnedAway(int count) {
        int before = turnedAway.get();
        await("%d clients to be turned away".formatted(count))
                .pollInterval(Duration.ofMillis(10))
                .atMost(PATIENCE)
                .until(() -> turnedAway.get() >= before + count);
    }

    /** Passes on what either side says until one of the two hangs up; both are closed afterwards. An exception hangs up as well. */
    void serve(Socket client, Socket server) throws IOException, InterruptedException {
        Thread.ofVirtual().start(() -> {
            try {
                client.getInputStream().transferTo(server.getOutputStream());
            } catch (IOException hungUp) {
                // The other side is told below.
            } finally {
                close(server);
            }
        });
        server.getInputStream().transferTo(client.getOutputStream());
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                var client = listener.accept();
                Thread.ofVirtual().start(() -> serve(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        open.add(client);
        try (client;
                var server = reached()) {
            serve(client, server);
        } catch (IOException | InterruptedException hungUp) {
            // The other end notices by itself.
        } finally {
            open.remove(client);
        }
    }

    private Socket reached() throws IOException {
        try {
            if (cut) {
                throw new IOException("the network is cut");
            }
            return new Socket(InetAddress.getLoopbackAddress(), target);
        } catch (IOException away) {
            turnedAway.incrementAndGet();
            throw away;
        }
    }

    @Override
    public final void close() throws IOException {
        listener.close();
        open.forEach(LoopbackProxy::close);
    }
}
