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
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The folder of one stack, open to its owner alone: {@code kafka/}, {@code s3/}, the keys of the store, a lock that the operating
 * system frees when its process dies, and the addresses of whoever holds the lock.
 */
public final class DataFolder implements AutoCloseable {
    private static final String KAFKA = "kafka";
    private static final String S3 = "s3";
    // Keeps the channels reachable, for the garbage collector closes others, and unopened a second time, for a process
    // loses its
    // locks on a file with the first of its channels there that is closed.
    private static final Map<Path, DataFolder> CLAIMED = new ConcurrentHashMap<>();

    private final Path root;
    private final FileChannel channel;

    private DataFolder(Path root, FileChannel channel) {
        this.root = root;
        this.channel = channel;
    }

    static DataFolder claim(Path folder) throws IOException {
        // S3Proxy loses the parts of an upload below a relative path.
        var root = Files.createDirectories(folder.toAbsolutePath()).toRealPath();
        Files.setPosixFilePermissions(root, PosixFilePermissions.fromString("rwx------"));
        if (CLAIMED.containsKey(root)) {
            throw new FolderInUse(root);
        }
        var channel = FileChannel.open(root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (lock(channel) == null) {
            channel.close();
            throw new FolderInUse(root);
        }
        Files.deleteIfExists(addressFile(root));
        var claimed = new DataFolder(root, channel);
        CLAIMED.put(root, claimed);
        return claimed;
    }

    /**
     * The addresses of the stack that runs on a folder now, in this process or another one; empty when there is none or
     * it is still starting.
     *
     * @throws UnusableKeys when others can read the file with the keys of the store
     * @throws IOException when the folder cannot be read
     */
    public static Optional<StackAddresses> running(Path root) throws IOException {
        var addresses = addressFile(root);
        if (!Files.exists(addresses) || !isClaimed(root)) {
            return Optional.empty();
        }
        var properties = new Properties();
        try (var in = Files.newInputStream(addresses)) {
            properties.load(in);
        }
        return Optional.of(new StackAddresses(
                properties.getProperty(KAFKA), URI.create(properties.getProperty(S3)), StoreKeys.read(root)));
    }

    /**
     * Whether a stack has begun to start on a folder, in this process or another one, and has not said yet where it is.
     *
     * @throws IOException when the folder cannot be read
     */
    public static boolean isStarting(Path root) throws IOException {
        return !Files.exists(addressFile(root)) && isClaimed(root);
    }

    private static boolean isClaimed(Path root) throws IOException {
        var lockFile = root.resolve("lock");
        if (!Files.exists(lockFile)) {
            return false;
        }
        if (CLAIMED.containsKey(root.toRealPath())) {
            return true;
        }
        try (var channel = FileChannel.open(lockFile, StandardOpenOption.WRITE)) {
            return lock(channel) == null;
        }
    }

    Path kafka() {
        return root.resolve(KAFKA);
    }

    StoreKeys keys() throws IOException {
        return StoreKeys.keptIn(root);
    }

    Path objects() {
        return root.resolve(S3);
    }

    void publish(StackAddresses addresses) throws IOException {
        var properties = new Properties();
        properties.setProperty(KAFKA, addresses.bootstrapServers());
        properties.setProperty(S3, addresses.s3Endpoint().toString());
        var draft = Files.createTempFile(root, "addresses", ".draft");
        try (var out = Files.newOutputStream(draft)) {
            properties.store(out, null);
        }
        Files.move(draft, addressFile(root), StandardCopyOption.ATOMIC_MOVE);
    }

    @Override
    public void close() {
        try (channel) {
            Files.deleteIfExists(addressFile(root));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } finally {
            CLAIMED.remove(root);
        }
    }

    private static Path addressFile(Path root) {
        return root.resolve("addresses.properties");
    }

    private static FileLock lock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException heldByThisProcess) {
            return null;
        }
    }
}
