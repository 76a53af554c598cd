package dev.quantline.deploy.image;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The root of packages that lie there already, so that nothing is downloaded. */
class DebianRootTest {
    @TempDir
    Path folder;

    @Test
    void librariesShellAndLicencesAreTakenAndLinksFollowed() throws IOException {
        var root = folder.resolve("root");

        DebianRoot.make(List.of(packaged()), folder, root);

        try (var files = Files.walk(root)) {
            assertEquals(
                    List.of(
                            "bin/sh",
                            "etc/group",
                            "etc/nsswitch.conf",
                            "etc/passwd",
                            "lib/x86_64-linux-gnu/libc.so.6",
                            "lib64/ld-linux-x86-64.so.2",
                            "usr/share/doc/tiny/copyright",
                            "var/lib/dpkg/status.d/tiny"),
                    files.filter(Files::isRegularFile)
                            .map(file -> root.relativize(file).toString())
                            .sorted()
                            .toList());
        }
        assertEquals("C", Files.readString(root.resolve("lib64/ld-linux-x86-64.so.2")));
        assertEquals("shell", Files.readString(root.resolve("bin/sh")));
        assertTrue(Files.readString(root.resolve("etc/passwd")).contains("\nquantline:x:10001:10001::/work:"));
        assertTrue(Files.readString(root.resolve("var/lib/dpkg/status.d/tiny")).startsWith("Package: tiny\n"));
    }

    @Test
    void anotherPackageThanTheExpectedIsRefused() throws IOException {
        var given = packaged();
        var expected = new DebianRoot.Package(given.name(), given.version(), "00", "MIT");

        var refusal =
                assertThrows(BadInput.class, () -> DebianRoot.make(List.of(expected), folder, folder.resolve("root")));

        assertEquals(
                "%s has SHA-256 %s, and debian.tsv expects 00: delete it, and it is downloaded again"
                        .formatted(folder.resolve("tiny_1_amd64.deb"), given.sha256()),
                refusal.getMessage());
    }

    @Test
    void whereAPackageCannotBeHadTheWaysOutAreSaid() {
        var nowhere = new DebianRoot.Package("quantline-has-no-such-package", "1", "00", "MIT");

        var refusal = assertThrows(
                        BadInput.class, () -> DebianRoot.make(List.of(nowhere), folder, folder.resolve("root")))
                .getMessage();

        assertTrue(refusal.contains("put their files into " + folder), refusal);
        assertTrue(refusal.contains("-Dimages.base="), refusal);
    }

    @Test
    void theTableNamesEachPackageOnceWithHashAndLicence() {
        var packages = DebianRoot.packages();

        assertEquals(
                packages.size(),
                packages.stream()
                        .map(DebianRoot.Package::name)
                        .collect(Collectors.toSet())
                        .size());
        packages.forEach(one -> {
            assertTrue(one.sha256().matches("[0-9a-f]{64}"), one::toString);
            assertTrue(!one.licence().isBlank(), one::toString);
        });
    }

    /** A package with a library, links to it and to a shell, and what is not needed. */
    private DebianRoot.Package packaged() throws IOException {
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/dpkg-deb")), "skipped: dpkg-deb is not on this machine");
        var tiny = folder.resolve("source");
        write(tiny.resolve("DEBIAN/control"), """
                Package: tiny
                Version: 1
                Architecture: amd64
                Maintainer: nobody <nobody@example.org>
                Description: tiny
                """);
        write(tiny.resolve("lib/x86_64-linux-gnu/libc.so.6"), "C");
        write(tiny.resolve("usr/lib/x86_64-linux-gnu/gconv/UTF-7.so"), "not needed");
        write(tiny.resolve("usr/share/doc/tiny/copyright"), "MIT");
        write(tiny.resolve("usr/share/doc/tiny/changelog.gz"), "not needed");
        write(tiny.resolve("bin/dash"), "shell");
        Files.createSymbolicLink(tiny.resolve("bin/sh"), Path.of("dash"));
        Files.createDirectories(tiny.resolve("lib64"));
        Files.createSymbolicLink(
                tiny.resolve("lib64/ld-linux-x86-64.so.2"), Path.of("/lib/x86_64-linux-gnu/libc.so.6"));
        var deb = folder.resolve("tiny_1_amd64.deb");
        Tool.run(folder, "dpkg-deb", "--build", tiny.toString(), deb.toString());
        return new DebianRoot.Package("tiny", "1", DebianRoot.sha256(deb), "MIT");
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
