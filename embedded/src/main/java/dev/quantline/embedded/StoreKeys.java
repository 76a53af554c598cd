package dev.quantline.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Properties;
import java.util.Set;

/**
 * The keys of one stack's object store: random, made at its first start, kept in a file of its data folder that only its owner can read.
 */
public record StoreKeys(String accessKey, String secretKey) {
    /** The file's name; it holds the two variables that S3 clients know, in lines that a shell can read. */
    public static final String FILE = "s3-keys.env";

    private static final String ACCESS = "AWS_ACCESS_KEY_ID";
    private static final String SECRET = "AWS_SECRET_ACCESS_KEY";
    private static final int ACCESS_BYTES = 8;
    private static final int SECRET_BYTES = 32;
    private static final Set<PosixFilePermission> OWNER =
            EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);

    /** The keys in a folder; makes them where there are none. */
    public static StoreKeys keptIn(Path folder) throws IOException {
        if (Files.notExists(folder.resolve(FILE), LinkOption.NOFOLLOW_LINKS)) {
            var draft = Files.createTempFile(folder, "keys", ".draft", PosixFilePermissions.asFileAttribute(OWNER));
            Files.writeString(
                    draft,
                    "%s=quantline-%s\n%s=%s\n".formatted(ACCESS, random(ACCESS_BYTES), SECRET, random(SECRET_BYTES)));
            Files.move(draft, folder.resolve(FILE), StandardCopyOption.ATOMIC_MOVE);
        }
        return read(folder);
    }

    /**
     * The keys that a stack made earlier.
     *
     * @throws UnusableKeys when there are none, or others can read the file; the message names it
     */
    static StoreKeys read(Path folder) throws IOException {
        var file = folder.resolve(FILE).toAbsolutePath();
        if (Files.notExists(file, LinkOption.NOFOLLOW_LINKS)) {
            throw new UnusableKeys("there is no " + file + " with the keys of the object store: "
                    + "stop the stack that runs on the folder and start it again");
        }
        var attributes = Files.readAttributes(file, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isRegularFile()) {
            throw new UnusableKeys(file + ", which holds the keys of the object store, is not a plain file: delete it");
        }
        if (!OWNER.containsAll(attributes.permissions())) {
            throw new UnusableKeys(("other users may get at %s, which holds the keys of the object store (mode %s): "
                            + "run chmod 600 on it, or delete it and start again for new keys")
                    .formatted(file, PosixFilePermissions.toString(attributes.permissions())));
        }
        var kept = new Properties();
        try (var in = Files.newInputStream(file)) {
            kept.load(in);
        }
        var keys = new StoreKeys(kept.getProperty(ACCESS, ""), kept.getProperty(SECRET, ""));
        if (keys.accessKey.isBlank() || keys.secretKey.isBlank()) {
            throw new UnusableKeys(
                    file + " lacks " + ACCESS + " or " + SECRET + ": delete it and start again for new keys");
        }
        return keys;
    }

    private static String random(int bytes) {
        var random = new byte[bytes];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    /** Without the secret. */
    @Override
    public String toString() {
        return "StoreKeys[" + accessKey + "]";
    }
}
