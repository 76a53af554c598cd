package dev.quantline.console.dist;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What goes into the archive, and how. */
class ArchiveTest {
    private static final String DEEP = "a-long-name/".repeat(12) + "file";

    @TempDir
    Path folder;

    @Test
    void theSameFilesGiveTheSameBytes() throws IOException {
        // Given the same tree twice, written in another order, at another time, by someone with other rights
        var first = tree("first/thing", List.of("bin/run", "b", "a", DEEP));
        var second = tree("second/thing", List.of(DEEP, "a", "b", "bin/run"));
        Files.setLastModifiedTime(second.resolve("a"), FileTime.fromMillis(1));
        Files.setPosixFilePermissions(second.resolve("b"), PosixFilePermissions.fromString("rw-rw-rw-"));
        // When both are packed
        Archive.write(first, folder.resolve("1.tar.gz"));
        Archive.write(second, folder.resolve("2.tar.gz"));
        // Then the archives are the same, their names in order
        assertArrayEquals(
                Files.readAllBytes(folder.resolve("1.tar.gz")), Files.readAllBytes(folder.resolve("2.tar.gz")));
        var names = new ArrayList<String>();
        try (var tar =
                new TarArchiveInputStream(new GZIPInputStream(Files.newInputStream(folder.resolve("1.tar.gz"))))) {
            for (var entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                names.add(entry.getName());
                assertEquals(
                        entry.isDirectory() || entry.getName().equals("thing/bin/run") ? 0755 : 0644,
                        entry.getMode() & 0777,
                        entry.getName());
                assertEquals("link/to", entry.isSymbolicLink() ? entry.getLinkName() : "link/to");
            }
        }
        assertTrue(
                names.containsAll(
                        List.of("thing/", "thing/a", "thing/b", "thing/bin/run", "thing/link", "thing/" + DEEP)),
                names::toString);
        assertEquals(names.stream().sorted().toList(), names);
    }

    @Test
    void librariesLoseTheNativesOfOtherPlatforms() throws IOException {
        // Given a library with natives of two platforms
        var jar = folder.resolve("library.jar");
        try (var zip = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (var name : List.of("META-INF/MANIFEST.MF", "win32-x86-64/a.dll", "linux-x86-64/a.so", "A.class")) {
                zip.putNextEntry(new ZipEntry(name));
                zip.write(name.getBytes());
            }
        }
        // When it is copied for one of them
        var slimmed = Slimmed.copy(jar, folder.resolve("slim.jar"), new Platform("linux", "x86_64"));
        // Then the other's is gone, and the rest is as it was
        assertEquals(new Slimmed(1, 1), slimmed);
        try (var zip = new ZipFile(folder.resolve("slim.jar").toFile())) {
            assertEquals(
                    List.of("META-INF/MANIFEST.MF", "linux-x86-64/a.so", "A.class"),
                    zip.stream().map(ZipEntry::getName).toList());
            assertEquals(
                    "A.class",
                    new String(zip.getInputStream(zip.getEntry("A.class")).readAllBytes()));
        }
        // And a library without any is copied byte by byte
        assertEquals(
                Slimmed.NOTHING,
                Slimmed.copy(folder.resolve("slim.jar"), folder.resolve("again.jar"), new Platform("linux", "x86_64")));
        assertArrayEquals(
                Files.readAllBytes(folder.resolve("slim.jar")), Files.readAllBytes(folder.resolve("again.jar")));
    }

    @Test
    void aJdkThatMakesNoRuntimesIsToldWhatItLacks() throws IOException {
        // Given a runtime without jlink
        var runtime = Files.createDirectories(folder.resolve("jre"));
        assertTrue(refused(runtime).contains("jre has no jlink"));
        // Given a JDK whose module files were not installed
        var bin = Files.createDirectories(folder.resolve("jdk/bin"));
        Files.writeString(bin.resolve("jlink"), "#!/bin/sh\necho 'Error: Module java.base not found'; exit 1\n");
        Files.setPosixFilePermissions(bin.resolve("jlink"), PosixFilePermissions.fromString("rwxr-xr-x"));
        var lacking = refused(folder.resolve("jdk"));
        assertTrue(lacking.contains("Error: Module java.base not found; this JDK has no folder jmods"), lacking);
        assertEquals(1, lacking.lines().count());
    }

    private String refused(Path jdk) {
        return assertThrows(BadInput.class, () -> JavaRuntime.link(jdk, folder.resolve("java")))
                .getMessage();
    }

    private Path tree(String name, List<String> files) throws IOException {
        var root = folder.resolve(name);
        for (var file : files) {
            Files.createDirectories(root.resolve(file).getParent());
            Files.writeString(root.resolve(file), file);
        }
        Files.setPosixFilePermissions(root.resolve("bin/run"), PosixFilePermissions.fromString("rwxr--r--"));
        Files.createSymbolicLink(root.resolve("link"), Path.of("link/to"));
        return root;
    }
}
