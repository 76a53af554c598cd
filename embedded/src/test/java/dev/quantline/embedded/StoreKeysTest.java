package dev.quantline.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class StoreKeysTest {
    @TempDir
    Path folder;

    private static String mode(Path file) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    @Test
    void aFolderAndItsKeysAreTheirOwnersAlone() throws Exception {
        // Given a folder that everybody may read, as earlier versions made it
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        // When a stack claims it, and asks for its keys
        try (var claimed = DataFolder.claim(folder, DataFolder.STORE)) {
            claimed.keys();
        }
        // Then nobody else may
        assertEquals("rwx------", mode(folder));
        assertEquals("rw-------", mode(folder.resolve(StoreKeys.FILE)));
    }

    @Test
    void keysAreMadeOnceAndForEachFolder() throws Exception {
        var keys = StoreKeys.keptIn(folder);

        assertEquals(keys, StoreKeys.keptIn(folder));
        assertEquals(keys, StoreKeys.read(folder));
        var other = StoreKeys.keptIn(Files.createDirectory(folder.resolve("other")));
        assertNotEquals(keys.accessKey(), other.accessKey());
        assertNotEquals(keys.secretKey(), other.secretKey());
        assertTrue(keys.secretKey().matches("[0-9a-f]{64}"));
        assertFalse(keys.toString().contains(keys.secretKey()));
    }

    @Test
    void aShellReadsThem() throws Exception {
        var keys = StoreKeys.keptIn(folder);

        var shell = new ProcessBuilder(
                        "sh",
                        "-c",
                        "set -a; . ./" + StoreKeys.FILE
                                + "; env | grep -e ^AWS_ACCESS_KEY_ID= -e ^AWS_SECRET_ACCESS_KEY= | sort | cut -d = -f 2")
                .directory(folder.toFile())
                .start();

        assertEquals(
                keys.accessKey() + "\n" + keys.secretKey() + "\n",
                new String(shell.getInputStream().readAllBytes()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r--r--", "rw-r-----", "rw----r--", "rw--w----", "rwxrwxrwx"})
    void aFileThatOthersMayReadOrChangeIsRefused(String mode) throws Exception {
        StoreKeys.keptIn(folder);
        var file = folder.resolve(StoreKeys.FILE);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));

        var refusal = assertThrows(UnusableKeys.class, () -> StoreKeys.keptIn(folder));

        assertTrue(refusal.getMessage().contains(file.toString()), refusal.getMessage());
        assertTrue(refusal.getMessage().contains("chmod 600")
                && refusal.getMessage().contains(mode));
        assertThrows(UnusableKeys.class, () -> EmbeddedStack.start(folder, EmbeddedStack.Ports.free()));
        DataFolder.claim(folder, DataFolder.STORE).close();
    }

    @Test
    void whatHoldsNoKeysIsRefusedByName() throws Exception {
        assertTrue(assertThrows(UnusableKeys.class, () -> StoreKeys.read(folder))
                .getMessage()
                .contains("start it again"));
        StoreKeys.keptIn(folder);
        var file = folder.resolve(StoreKeys.FILE);
        Files.writeString(file, "AWS_ACCESS_KEY_ID=a\n");
        assertTrue(assertThrows(UnusableKeys.class, () -> StoreKeys.read(folder))
                .getMessage()
                .contains("lacks AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY"));
        Files.delete(file);
        Files.createSymbolicLink(file, folder.resolve("elsewhere"));
        assertTrue(assertThrows(UnusableKeys.class, () -> StoreKeys.keptIn(folder))
                .getMessage()
                .contains("not a plain file"));
    }
}
