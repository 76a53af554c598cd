package dev.quantline.deploy.image;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.fixture.Checkout;
import dev.quantline.onnx.BadInput;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Archives, and what they say of their images. */
class ImagesTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    @Test
    void theSameFilesGiveTheSameBytes() throws Exception {
        var first = pack("first", Part.TUNER, Optional.empty(), 1);
        var second = pack("second", Part.TUNER, Optional.empty(), 2_000_000_000_000L);

        assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
    }

    @Test
    void aServiceIsDescribed() throws Exception {
        var archive = pack("one", Part.TUNER, Optional.empty(), 1);

        var manifest = JSON.readTree(entry(archive, "manifest.json")).get(0);
        assertEquals("quantline/tuner:1.2", manifest.at("/RepoTags/0").asText());
        var image = JSON.readTree(entry(archive, manifest.path("Config").asText()));
        assertEquals("amd64", image.path("architecture").asText());
        assertEquals("2026-01-02T03:04:05Z", image.path("created").asText());
        var config = image.path("config");
        assertEquals("10001:10001", config.path("User").asText());
        assertEquals("{\"8080/tcp\":{}}", config.path("ExposedPorts").toString());
        assertEquals("{\"/work\":{}}", config.path("Volumes").toString());
        assertEquals("/work", config.path("WorkingDir").asText());
        assertEquals("/opt/java/bin/java", config.at("/Entrypoint/0").asText());
        assertEquals(0, config.path("Cmd").size());
        var labels = new TreeMap<String, String>();
        config.path("Labels")
                .properties()
                .forEach(label -> labels.put(
                        label.getKey().replace("org.opencontainers.image.", ""),
                        label.getValue().asText()));
        assertEquals(
                Map.of(
                        "title", "Quantline tuner",
                        "description", Part.TUNER.description(),
                        "version", "1.2",
                        "created", "2026-01-02T03:04:05Z",
                        "licenses", "Apache-2.0",
                        "vendor", "The Quantline authors",
                        "url", "https://example.org",
                        "source", "https://example.org/quantline.git",
                        "revision", "abc"),
                labels);
    }

    @Test
    void filesHaveFixedTimesOwnersAndRights() throws Exception {
        var archive = pack("one", Part.TUNER, Optional.empty(), 1);

        var layer =
                JSON.readTree(entry(archive, "manifest.json")).at("/0/Layers/0").asText();
        var entries = new TreeMap<String, String>();
        try (var tar =
                new TarArchiveInputStream(new GZIPInputStream(new ByteArrayInputStream(entry(archive, layer))))) {
            for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
                if (!entry.getName().equals("app/")) {
                    entries.put(
                            entry.getName(),
                            "%o %d %s"
                                    .formatted(
                                            entry.getMode() & 07777,
                                            entry.getLongUserId(),
                                            entry.getLastModifiedTime()));
                }
            }
        }
        assertEquals(
                Map.of(
                        "app/run", "755 0 2020-01-01T00:00:00Z",
                        "app/text", "644 0 2020-01-01T00:00:00Z",
                        "work/", "777 0 2020-01-01T00:00:00Z"),
                entries);
    }

    @Test
    void anotherImageTakesThePlaceOfTheRoot() throws Exception {
        var base = pack("base", Part.CONSOLE, Optional.empty(), 1);
        var archive = pack("on-it", Part.TUNER, Optional.of("tar://" + base), 1);

        var manifest = JSON.readTree(entry(archive, "manifest.json")).get(0);
        assertEquals(2, manifest.path("Layers").size());
        var config = JSON.readTree(entry(archive, "config.json")).path("config");
        assertTrue(config.path("Entrypoint").toString().contains("MaxRAMPercentage=25"), config::toString);
        assertEquals(
                "tar://" + base,
                config.at("/Labels/org.opencontainers.image.base.name").asText());
    }

    @Test
    void sizesAreSaidByLayer() throws Exception {
        var archive = Files.write(folder.resolve("a.tar"), new byte[1_500_000]);
        var big = Files.write(folder.resolve("big"), new byte[2_000_000]);

        assertEquals(
                "quantline/tuner:1: " + archive + ", 1.5 MB, 4.0 MB unpacked (root 2.0, Java 2.0)",
                Images.said(
                        "quantline/tuner:1",
                        archive,
                        List.of(
                                new Layer("root", new TreeMap<>(Map.of("/a", big))),
                                new Layer("Java", new TreeMap<>(Map.of("/b", big))))));
    }

    @Test
    void optionsAreThoseOfTheLauncher() throws IOException {
        var script = Files.readString(Checkout.root().resolve("console/src/main/sh/start.sh"));
        var command = script.substring(script.indexOf("exec \"$java\""));
        var expected = Stream.of(command.split("[\\s\\\\]+"))
                .filter(word -> word.startsWith("-") && !word.contains("$"))
                .filter(word -> !word.equals("-jar"))
                .sorted()
                .toList();

        assertEquals(
                expected,
                Part.CONSOLE.entrypoint().stream()
                        .filter(word -> word.startsWith("-") && !word.equals("-jar"))
                        .sorted()
                        .toList());
        for (var variable : List.of("OMP_WAIT_POLICY", "MALLOC_MMAP_THRESHOLD_")) {
            var value = Part.TUNER.environment().get(variable);
            assertTrue(script.contains("%s=\"${%s:-%s}\"".formatted(variable, variable, value)), variable);
        }
    }

    @Test
    void settingsThatAreMissingOrWrongAreNamed() {
        var given = new Properties();
        Map.of("root", ".", "out", "out", "version", "1", "created", "2026-01-02T03:04:05Z", "home", "h")
                .forEach((name, value) -> given.setProperty("images." + name, value));
        assertEquals(Optional.empty(), Settings.read(given).base());
        given.setProperty("images.created", "yesterday");
        assertEquals("images.created is 'yesterday', and no time such as 2026-11-21T00:00:00Z", refused(given));
        given.setProperty("images.version", " ");
        assertTrue(refused(given).startsWith("images.version is not set: run "));
        var malformed = assertThrows(BadInput.class, () -> pack("x", Part.TUNER, Optional.of("NO:NAME"), 1));
        assertEquals(
                "images.base is 'NO:NAME', and no name of an image such as debian:12-slim", malformed.getMessage());
    }

    private static String refused(Properties given) {
        return assertThrows(BadInput.class, () -> Settings.read(given)).getMessage();
    }

    /** An archive of a text, a program and an empty folder, whose times on this machine are given. */
    private Path pack(String name, Part part, Optional<String> base, long time) throws Exception {
        var here = Files.createDirectories(folder.resolve(name));
        var text = Files.writeString(here.resolve("text"), "text");
        var run = Files.writeString(here.resolve("run"), "run");
        Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx------"));
        for (var file : List.of(text, run)) {
            Files.setLastModifiedTime(file, FileTime.fromMillis(time));
        }
        var layer = new Layer(
                "application",
                new TreeMap<>(Map.of(
                        "/app/text", text, "/app/run", run, "/work", Files.createDirectories(here.resolve("empty")))));
        var settings = new Settings(
                here,
                here,
                "1.2",
                Instant.parse("2026-01-02T03:04:05Z"),
                "https://example.org",
                Optional.of("abc"),
                base);
        return Images.pack(settings, part, List.of(layer), here.resolve("cache"));
    }

    private static byte[] entry(Path archive, String name) throws IOException {
        try (var tar = new TarArchiveInputStream(Files.newInputStream(archive))) {
            for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
                if (entry.getName().equals(name)) {
                    return tar.readAllBytes();
                }
            }
        }
        throw new IOException(archive + " has no " + name);
    }
}
