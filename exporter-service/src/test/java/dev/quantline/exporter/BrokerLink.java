package dev.quantline.exporter;

import java.io.IOException;
import java.net.Socket;

/** The network in front of the broker, which can be cut. */
final class BrokerLink extends LoopbackProxy {
    private volatile boolean cut;

    BrokerLink(int broker) throws IOException {
        super(broker);
    }

    /** Ends all connections, and every new one at once, until {@link #mend}. */
    void cut() {
        cut = true;
        hangUp();
    }

    void mend() {
        cut = false;
    }

    @Override
    void serve(Socket client, Socket server) throws IOException {
        if (cut) {
            return;
        }
        Thread.ofVirtual().start(() -> {
            try {
                client.getInputStream().transferTo(server.getOutputStream());
            } catch (IOException hungUp) {
                // Closed below as well.
            } finally {
                close(server);
            }
        });
        server.getInputStream().transferTo(client.getOutputStream());
    }
}
