package dev.quantline.embedded;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;

/**
 * A running broker and object store over one folder. Their data survives {@link #close} and the death of the process; a folder serves
 * one stack at a time. Both listen on the loopback interface only.
 */
public final class EmbeddedStack implements AutoCloseable {
    private final DataFolder folder;
    private final Broker broker;
    private final ObjectServer store;
    private final StackAddresses addresses;

    private EmbeddedStack(DataFolder folder, Broker broker, ObjectServer store, StoreKeys keys) {
        this.folder = folder;
        this.broker = broker;
        this.store = store;
        this.addresses = new StackAddresses(broker.bootstrapServers(), store.endpoint(), keys);
    }

    /**
     * The TCP ports to listen on; 0 takes any free one.
     *
     * @param kafka of the broker
     * @param s3 of the object store
     */
    public record Ports(int kafka, int s3) {
        /** Any free ports. */
        public static Ports free() {
            return new Ports(0, 0);
        }
    }

    /**
     * Starts both servers and returns when they answer; the bucket {@link StackAddresses#BUCKET} exists then.
     *
     * @param dataDirectory holds all persistent data; created when missing
     * @throws FolderInUse when another stack runs on the folder
     * @throws UnusableKeys when others can read the file with the keys of the store
     * @throws IOException when the folder cannot be written, or a port is taken (the message names it)
     */
    public static EmbeddedStack start(Path dataDirectory, Ports ports) throws IOException {
        var folder = DataFolder.claim(dataDirectory);
        ObjectServer store = null;
        try {
            var kafkaPort = freePort(ports.kafka(), "Kafka broker");
            var keys = folder.keys();
            store = ObjectServer.start(folder.objects(), freePort(ports.s3(), "object store"), keys);
            var stack = new EmbeddedStack(folder, Broker.start(folder.kafka(), kafkaPort), store, keys);
            folder.publish(stack.addresses());
            return stack;
        } catch (IOException | RuntimeException | Error failure) {
            if (store != null) {
                store.close();
            }
            folder.close();
            throw failure;
        }
    }

    /** Where to reach the two servers, and the keys of the store. */
    public StackAddresses addresses() {
        return addresses;
    }

    /** Stops both servers, the broker after its last writes, and frees the folder. */
    @Override
    public void close() {
        try {
            broker.close();
        } finally {
            try {
                store.close();
            } finally {
                folder.close();
            }
        }
    }

    static int freePort(int wanted, String who) throws IOException {
        try (var probe = new ServerSocket(wanted, 1, InetAddress.getLoopbackAddress())) {
            return probe.getLocalPort();
        } catch (IOException taken) {
            throw new IOException("port " + wanted + " for the " + who + " is taken: " + taken.getMessage(), taken);
        }
    }
}
