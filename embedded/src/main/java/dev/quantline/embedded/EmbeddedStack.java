package dev.quantline.embedded;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * A running broker and object store over one folder, or one of them. Their data survives {@link #close} and the death of the process; a
 * folder serves one of each at a time. Both listen on the loopback interface only.
 */
public final class EmbeddedStack implements AutoCloseable {
    /** What is to be closed, the last thing first. */
    private final Deque<Runnable> open = new ArrayDeque<>();

    private Optional<StackAddresses> addresses = Optional.empty();

    private EmbeddedStack() {}

    /** What a stack consists of, in the order in which it starts. */
    public enum Server {
        STORE(DataFolder.STORE),
        BROKER(DataFolder.BROKER);

        private final String part;

        Server(String part) {
            this.part = part;
        }
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

    /** Starts both servers, as {@link #start(Path, Ports, Set)}. */
    public static EmbeddedStack start(Path dataDirectory, Ports ports) throws IOException {
        return start(dataDirectory, ports, EnumSet.allOf(Server.class));
    }

    /**
     * Starts servers and returns when they answer; of the store, the bucket {@link StackAddresses#BUCKET} exists then.
     *
     * @param dataDirectory holds all persistent data; created when missing
     * @throws FolderInUse when another stack, or the same server of one, runs on the folder
     * @throws UnusableKeys when others can read the file with the keys of the store
     * @throws IOException when the folder cannot be written, or a port is taken (the message names it)
     */
    public static EmbeddedStack start(Path dataDirectory, Ports ports, Set<Server> servers) throws IOException {
        var stack = new EmbeddedStack();
        try {
            // All at once, so that whoever looks meanwhile finds a stack that starts.
            var claims = new EnumMap<Server, DataFolder>(Server.class);
            for (var server : EnumSet.copyOf(servers)) {
                var claim = DataFolder.claim(dataDirectory, server.part);
                stack.open.push(claim::close);
                claims.put(server, claim);
            }
            var listening = new EnumMap<Server, String>(Server.class);
            for (var claim : claims.entrySet()) {
                listening.put(claim.getKey(), stack.start(claim.getKey(), claim.getValue(), ports));
            }
            for (var claim : claims.entrySet()) {
                claim.getValue().publish(listening.get(claim.getKey()));
            }
            stack.addresses = DataFolder.running(dataDirectory);
            return stack;
        } catch (IOException | RuntimeException | Error failure) {
            stack.close();
            throw failure;
        }
    }

    private String start(Server server, DataFolder folder, Ports ports) throws IOException {
        return switch (server) {
            case STORE -> {
                var store = ObjectServer.start(folder.objects(), freePort(ports.s3(), "object store"), folder.keys());
                open.push(store::close);
                yield store.endpoint().toString();
            }
            case BROKER -> {
                var broker = Broker.start(folder.kafka(), freePort(ports.kafka(), "Kafka broker"));
                open.push(broker::close);
                yield broker.bootstrapServers();
            }
        };
    }

    /**
     * Where to reach the two servers, and the keys of the store.
     *
     * @throws java.util.NoSuchElementException when one of them did not run when this was started
     */
    public StackAddresses addresses() {
        return addresses.orElseThrow();
    }

    /** Stops the servers, the broker after its last writes, and frees the folder. */
    @Override
    public void close() {
        var last = open.poll();
        if (last != null) {
            try {
                last.run();
            } finally {
                close();
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
