package dev.quantline.pipeline.store;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertTrue;

class PromptSocketsTest {
    private final PromptSockets factory = new PromptSockets();

    @Test
    void noSocketWaitsForAcknowledgements() throws IOException {
        var loopback = InetAddress.getLoopbackAddress();
        try (var server = new ServerSocket(0, 5, loopback)) {
            int port = server.getLocalPort();
            var sockets = List.of(
                    factory.createSocket(),
                    factory.createSocket(loopback.getHostAddress(), port),
                    factory.createSocket(loopback, port),
                    factory.createSocket(loopback.getHostAddress(), port, loopback, 0),
                    factory.createSocket(loopback, port, loopback, 0));
            for (Socket socket : sockets) {
                assertTrue(socket.getTcpNoDelay());
                socket.close();
            }
        }
    }
}
