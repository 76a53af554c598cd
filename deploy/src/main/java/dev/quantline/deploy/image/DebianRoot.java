package dev.quantline.deploy.image;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What lies below Java in an image: the C and C++ libraries and the shell of Debian, of packages whose versions and hashes stand in {@code
 * debian.tsv}.
 */
final class DebianRoot {
    /** The table of packages, as a resource. */
    static final String TABLE = "debian.tsv";

    /** Libraries by the names that programs look for, the shell that starts a child process, licences, and what scanners ask for. */
    private static final Pattern TAKEN = Pattern.compile("(lib64|(usr/)?lib/[^/]+)/[^/]+\\.so\\.\\d+|bin/sh"
            + "|(etc|usr/lib)/os-release|usr/share/(doc/[^/]+/copyright|common-licenses/[^/]+)");

    private DebianRoot() {}

    /**
     * A package of Debian.
     *
     * @param sha256  of the file {@code .deb}
     * @param licence as an SPDX expression
     */
    record Package(String name, String version, String sha256, String licence) {
        /** As Debian names the file, but for the epoch of the version. */
        String file() {
            return "%s_%s_amd64.deb".formatted(name, version);
        }
    }

    /** The table's rows. */
    static List<Package> packages() {
        try (var table = DebianRoot.class.getResourceAsStream(TABLE)) {
            return new String(table.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> line.split("\t"))
                    .map(cells -> new Package(cells[0], cells[1], cells[2], cells[3]))
                    .toList();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    /**
     * Makes the root.
     *
     * @param packages are downloaded by {@code apt-get} where they are not in the folder yet
     * @param debs     folder of packages
     * @param root     is created, beside folders of what the packages hold
     * @throws BadInput when a package cannot be had, or is not the one that is expected
     */
    static void make(List<Package> packages, Path debs, Path root) throws IOException {
        Files.createDirectories(debs);
        for (var one : packages) {
            var deb = debs.resolve(one.file());
            if (!Files.exists(deb)) {
                run(debs, "apt-get", "download", "-q", one.name() + ":amd64=" + one.version());
            }
            var hash = sha256(deb);
            if (!hash.equals(one.sha256())) {
                throw new BadInput("%s has SHA-256 %s, and %s expects %s: delete it, and it is downloaded again"
                        .formatted(deb, hash, TABLE, one.sha256()));
            }
            var unpacked = root.resolveSibling("unpacked-" + one.name());
            run(debs, "dpkg-deb", "--extract", deb.toString(), unpacked.toString());
            take(unpacked, root);
            // Where scanners look for the packages of images that have no package manager.
            write(
                    root.resolve("var/lib/dpkg/status.d").resolve(one.name()),
                    run(debs, "dpkg-deb", "-f", deb.toString()));
        }
        write(root.resolve("etc/passwd"), """
                root:x:0:0:root:/:/bin/sh
                quantline:x:%1$d:%1$d::/work:/bin/sh
                """.formatted(Part.USER));
        write(root.resolve("etc/group"), "root:x:0:\nquantline:x:%d:\n".formatted(Part.USER));
        write(root.resolve("etc/nsswitch.conf"), "hosts: files dns\n");
    }

    private static void take(Path unpacked, Path root) throws IOException {
        try (var walk = Files.walk(unpacked)) {
            for (var path : walk.toList()) {
                var name = unpacked.relativize(path);
                var file = target(unpacked, path);
                if (TAKEN.matcher(name.toString()).matches() && Files.isRegularFile(file)) {
                    var copy = root.resolve(name.toString());
                    Files.createDirectories(copy.getParent());
                    Files.copy(file, copy);
                }
            }
        }
    }

    /** What a link leads to within the package, since Jib packs no links. */
    private static Path target(Path unpacked, Path path) throws IOException {
        var at = path;
        while (Files.isSymbolicLink(at)) {
            var target = Files.readSymbolicLink(at);
            at = target.isAbsolute()
                    ? unpacked.resolve(target.toString().substring(1))
                    : at.resolveSibling(target).normalize();
        }
        return at;
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    static String sha256(Path file) throws IOException {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static String run(Path folder, String... command) {
        try {
            return Tool.run(folder, command);
        } catch (IOException failure) {
            throw new BadInput(
                    ("%s%nThe images' root is made of Debian 12 packages. Where apt-get does not have these versions "
                                    + "(any longer), put their files into %s, or new versions into %s; or name an image that "
                                    + "has a root, with -Dimages.base=IMAGE")
                            .formatted(failure.getMessage(), folder, TABLE));
        }
    }
}
