package dev.quantline.deploy.image;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Which file lies in which layer, of a checkout with five small applications. */
class ContentsTest {
    private static final List<DebianRoot.Package> PACKAGES =
            List.of(new DebianRoot.Package("libstdc++6", "12.2.0-14+deb12u1", "00ff", "GPL-3.0-or-later"));

    @TempDir
    Path folder;

    @BeforeEach
    void packageAll() throws IOException {
        for (var part : Part.values()) {
            var target = Files.createDirectories(folder.resolve(part.module()).resolve("target"));
            var libraries =
                    new TreeMap<>(Map.of("org.example.all-1.jar", "all", "dev.quantline.pipeline-1.jar", "pipeline"));
            if (part == Part.CONSOLE) {
                libraries.put("org.example.natives-2-linux-x86_64.jar", "console");
            }
            var app = target.resolve("quarkus-app");
            for (var library : libraries.entrySet()) {
                jar(app.resolve("lib/main").resolve(library.getKey()), library.getValue());
            }
            jar(app.resolve("quarkus-run.jar"), "run");
            Files.writeString(target.resolve("bom.json"), """
                    {"components": [
                      {"group": "org.example", "name": "all", "version": "1", "purl": "pkg:maven/org.example/all@1?type=jar",
                       "hashes": [{"alg": "MD5", "content": "of the jar with all natives"}]},
                      {"group": "dev.quantline", "name": "pipeline", "version": "1", "purl": "pkg:maven/dev.quantline/pipeline@1?type=jar"},
                      {"group": "org.example", "name": "natives", "version": "2",
                       "purl": "pkg:maven/org.example/natives@2?classifier=linux-x86_64&type=jar"}]}
                    """);
        }
        Files.createDirectories(folder.resolve("java/bin"));
        Files.writeString(folder.resolve("java/release"), "JAVA_VERSION=\"25.0.3\"\n");
    }

    @Test
    void whatAllHaveIsOneLayerAndWhatIsOursIsTheLast() throws IOException {
        var images = contents();

        assertEquals(List.of("root", "Java", "libraries of all", "application"), names(images.get(Part.TUNER)));
        assertEquals(
                List.of("root", "Java", "libraries of all", "more libraries", "application"),
                names(images.get(Part.CONSOLE)));
        assertEquals(images.get(Part.TUNER).get(2), images.get(Part.CONSOLE).get(2));
        assertEquals(
                List.of("/app/lib/main/org.example.all-1.jar"),
                List.copyOf(images.get(Part.TUNER).get(2).files().keySet()));
        assertEquals(
                List.of("/app/lib/main/org.example.natives-2-linux-x86_64.jar"),
                List.copyOf(images.get(Part.CONSOLE).get(3).files().keySet()));
        assertEquals(
                List.of(
                        "/app/lib/main/dev.quantline.pipeline-1.jar",
                        "/app/quarkus-run.jar",
                        "/app/sbom.cdx.json",
                        "/tmp",
                        "/work"),
                List.copyOf(images.get(Part.TUNER).getLast().files().keySet()));
    }

    @Test
    void nativesOfOtherPlatformsStayOutside() throws IOException {
        var entries = new ArrayList<String>();
        for (var layers : contents().values()) {
            for (var layer : layers) {
                for (var file : layer.files().entrySet()) {
                    if (file.getKey().startsWith("/app/lib/")) {
                        try (var zip = new ZipFile(file.getValue().toFile())) {
                            zip.stream().map(ZipEntry::getName).forEach(entries::add);
                        }
                    }
                }
            }
        }

        assertTrue(entries.contains("linux-x86-64/a.so"), entries::toString);
        assertEquals(
                List.of(),
                entries.stream().filter(name -> name.startsWith("win")).toList());
    }

    @Test
    void theBillOfMaterialsIsThatOfTheImage() throws IOException {
        var sbom = contents().get(Part.TUNER).getLast().files().get("/app/sbom.cdx.json");

        var components = new ObjectMapper().readTree(sbom.toFile()).path("components");
        assertEquals("SHA-256", components.at("/0/hashes/0/alg").asText());
        assertEquals(
                DebianRoot.sha256(folder.resolve("work/app/lib/main/org.example.all-1.jar")),
                components.at("/0/hashes/0/content").asText());
        assertEquals(1, components.at("/0/hashes").size());
        assertEquals("pkg:generic/openjdk@25.0.3", components.at("/3/purl").asText());
        assertEquals(
                "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
                components.at("/4/purl").asText());
        assertEquals("00ff", components.at("/4/hashes/0/content").asText());
    }

    @Test
    void aLibraryThatNobodyListsIsRefused() throws IOException {
        jar(folder.resolve("tuner-service/target/quarkus-app/lib/main/org.example.stray-1.jar"), "stray");

        var refusal = assertThrows(IllegalStateException.class, this::contents);

        assertTrue(
                refusal.getMessage().endsWith("bom.json does not list [org.example.stray-1.jar]"), refusal::getMessage);
    }

    @Test
    void aModuleThatIsNotPackagedIsNamed() throws IOException {
        Files.delete(folder.resolve("exporter-service/target/bom.json"));

        var refusal = assertThrows(BadInput.class, this::contents).getMessage();

        assertTrue(refusal.startsWith(folder.resolve("exporter-service/target") + " is without "), refusal);
        assertTrue(refusal.contains("-Pimages"), refusal);
    }

    private Map<Part, List<Layer>> contents() throws IOException {
        var root = Files.createDirectories(folder.resolve("root"));
        Files.writeString(root.resolve("passwd"), "");
        return Contents.of(
                folder,
                folder.resolve("work"),
                folder.resolve("java"),
                PACKAGES,
                List.of(Layer.of("root", root, "/etc")));
    }

    private static List<String> names(List<Layer> layers) {
        return layers.stream().map(Layer::name).toList();
    }

    private static void jar(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        try (var zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (var name : List.of("text", "linux-x86-64/a.so", "win32-x86-64/a.dll")) {
                zip.putNextEntry(new ZipEntry(name));
                zip.write(text.getBytes());
            }
        }
    }
}
