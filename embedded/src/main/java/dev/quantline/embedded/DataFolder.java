package dev.quantline.embedded;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A part of the folder of one stack, which is open to its owner alone: {@code kafka/} of the broker, {@code s3/} of the store, beside
 * the keys of the store. Each part has a lock that the operating system frees when its process dies, and the address of whoever holds it.
 */
public final class DataFolder implements AutoCloseable {
    static final String BROKER = "broker";
    static final String STORE = "store";
    // Keeps the channels reachable, for the garbage collector closes others, and unopened a second time, for a process
    // loses its
    // locks on a file with the first of its channels there that is closed.
    private static final Map<Path, DataFolder> CLAIMED = new ConcurrentHashMap<>();

    private final Path root;
    private final String part;
    private final FileChannel channel;

    private DataFolder(Path root, String part, FileChannel channel) {
        this.root = root;
        this.part = part;
        this.channel = channel;
    }

    static DataFolder claim(Path folder, String part) throws IOException {
        // S3Proxy loses the parts of an upload below a relative path.
        var root = Files.createDirectories(folder.toAbsolutePath()).toRealPath();
        Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx------"));
        if (CLAIMED.containsKey(lockFile(root, part))) {
            throw new FolderInUse(part, root);
        }
        var channel = FileChannel.open(lockFile(root, part), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (lock(channel) == null) {
            channel.close();
            throw new FolderInUse(part, root);
        }
        Files.deleteIfExists(addressFile(root, part));
        var claimed = new DataFolder(root, part, channel);
        CLAIMED.put(lockFile(root, part), claimed);
        return claimed;
    }

    /** Claims the first free one of the parts {@code kind-1}, {@code kind-2} and so on. */
    public static DataFolder claimNext(Path folder, String kind) throws IOException {
        for (int number = 1; ; number++) {
            try {
                return claim(folder, kind + "-" + number);
            } catch (FolderInUse taken) {
                // The next one may be free.
            }
        }
    }

    /** The name of the part. */
    public String part() {
        return part;
    }

    /**
     * The addresses of the stack that runs on a folder now, in this process or other ones; empty when there is none, one of its servers
     * is missing, or it is still starting.
     *
     * @throws UnusableKeys when others can read the file with the keys of the store
     * @throws IOException when the folder cannot be read
     */
    public static Optional<StackAddresses> running(Path root) throws IOException {
        var broker = address(root, BROKER);
        var store = address(root, STORE);
        return broker.isEmpty() || store.isEmpty()
                ? Optional.empty()
                : Optional.of(new StackAddresses(broker.get(), URI.create(store.get()), StoreKeys.read(root)));
    }

    /**
     * Whether a broker or a store has begun to start on a folder, in this process or another one, and has not said yet where it is.
     *
     * @throws IOException when the folder cannot be read
     */
    public static boolean isStarting(Path root) throws IOException {
        for (var part : new String[] {BROKER, STORE}) {
            if (!Files.exists(addressFile(root, part)) && isClaimed(root, part)) {
                return true;
            }
        }
        return false;
    }

    private static Optional<String> address(Path root, String part) throws IOException {
        return Files.exists(addressFile(root, part)) && isClaimed(root, part)
                ? Optional.of(Files.readString(addressFile(root, part)).strip())
                : Optional.empty();
    }

    private static boolean isClaimed(Path root, String part) throws IOException {
        if (!Files.exists(lockFile(root, part))) {
            return false;
        }
        if (CLAIMED.containsKey(lockFile(root.toRealPath(), part))) {
            return true;
        }
        try (var channel = FileChannel.open(lockFile(root, part), StandardOpenOption.WRITE)) {
            return lock(channel) == null;
        }
    }

    Path kafka() {
        return root.resolve("kafka");
    }

    StoreKeys keys() throws IOException {
        return StoreKeys.keptIn(root);
    }

    Path objects() {
        return root.resolve("s3");
    }

    void publish(String address) throws IOException {
        var draft = Files.createTempFile(root, part, ".draft");
        Files.writeString(draft, address + "\n");
        Files.move(draft, addressFile(root, part), StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void close() {
        try (channel) {
            Files.deleteIfExists(addressFile(root, part));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } finally {
            CLAIMED.remove(lockFile(root, part));
        }
    }

    private static Path addressFile(Path root, String part) {
        return root.resolve(part + ".address");
    }

    private static Path lockFile(Path root, String part) {
        return root.resolve(part + ".lock");
    }

    private static FileLock lock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException heldByThisProcess) {
            return null;
        }
    }
}
