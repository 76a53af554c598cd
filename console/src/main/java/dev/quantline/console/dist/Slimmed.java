package dev.quantline.console.dist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * What was left out of libraries.
 *
 * @param files     native libraries of other platforms
 * @param libraries jars that had such
 */
public record Slimmed(int files, int libraries) {
    static final Slimmed NOTHING = new Slimmed(0, 0);

    Slimmed and(Slimmed other) {
        return new Slimmed(files + other.files, libraries + other.libraries);
    }

    /** Copies a jar without native libraries of other platforms; one that has none is copied as it is. */
    public static Slimmed copy(Path jar, Path to, Platform platform) throws IOException {
        int foreign = 0;
        try (var zip = new ZipFile(jar.toFile())) {
            foreign = (int) zip.stream()
                    .filter(entry -> platform.isForeign(entry.getName()))
                    .count();
            if (foreign == 0) {
                Files.copy(jar, to);
                return NOTHING;
            }
            try (var out = new ZipOutputStream(Files.newOutputStream(to))) {
                for (var entry : zip.stream()
                        .filter(entry -> !platform.isForeign(entry.getName()))
                        .toList()) {
                    var copy = new ZipEntry(entry.getName());
                    copy.setTimeLocal(LocalDateTime.ofInstant(Archive.TIME, ZoneOffset.UTC));
                    out.putNextEntry(copy);
                    try (var in = zip.getInputStream(entry)) {
                        in.transferTo(out);
                    }
                    out.closeEntry();
                }
            }
        }
        return new Slimmed(foreign, 1);
    }
}
