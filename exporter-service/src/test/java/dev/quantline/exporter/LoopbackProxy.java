package dev.quantline.exporter;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Listens on a port of its own in front of a server on this machine. What passes is for subclasses to say. */
abstract class LoopbackProxy implements AutoCloseable {
    private static final int WAITING = 50;

    private final ServerSocket listener;
    private final int target;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    /** @param target port of the server */
    LoopbackProxy(int target) throws IOException {
        this.listener = new ServerSocket(0, WAITING, InetAddress.getLoopbackAddress());
        this.target = target;
        Thread.ofVirtual().start(this::accept);
    }

    final int port() {
        return listener.getLocalPort();
    }

    /** Serves a client until one of the two hangs up; both are closed afterwards. An exception hangs up as well. */
    abstract void serve(Socket client, Socket server) throws IOException, InterruptedException;

    /** Hangs up on everybody, as a network that is cut. */
    final void hangUp() {
        open.forEach(LoopbackProxy::close);
    }

    /** Passes on what comes until nothing more does. */
    static void pass(InputStream from, OutputStream to) throws IOException {
        from.transferTo(to);
    }

    static void close(Socket socket) {
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
                var server = new Socket(InetAddress.getLoopbackAddress(), target)) {
            serve(client, server);
        } catch (IOException | InterruptedException hungUp) {
            // The other end notices by itself.
        } finally {
            open.remove(client);
        }
    }

    @Override
    public final void close() throws IOException {
        listener.close();
        hangUp();
    }
}
