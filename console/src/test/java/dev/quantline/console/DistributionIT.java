package dev.quantline.console;

import dev.quantline.fixture.Checkout;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.NpzArrays;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.settings.Json;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The archive as someone unpacks it who has no Java: a module that its runtime lacks, or a library, shows here. */
@EnabledOnOs(OS.LINUX)
class DistributionIT {
    @TempDir
    Path folder;

    @Test
    void itRunsWhereNothingIsInstalled() throws Exception {
        // Given an archive, unpacked in a folder of its own
        try (var dist = ChildProcess.start(
                "console",
                folder,
                folder.resolve("dist.log"),
                Map.of("quantline.root", Checkout.root().toString()),
                "dist",
                "--out",
                "made")) {
            assertEquals(0, dist.exitCode(), dist.text());
            assertTrue(dist.text().contains(" MB unpacked"), dist.text());
        }
        try (var made = Files.list(folder.resolve("made"))) {
            var archive = made.toList();
            assertEquals(1, archive.size(), archive::toString);
            run(folder, List.of("tar", "xzf", archive.getFirst().toString()), "/usr/bin:/bin");
        }
        Path home;
        try (var unpacked = Files.list(folder)) {
            home = unpacked.filter(path -> path.getFileName().toString().startsWith("quantline-"))
                    .findFirst()
                    .orElseThrow();
        }
        assertEquals(List.of(), foreign(home));
        ModelFile.write(Networks.conv(1), folder.resolve("net.onnx"));
        Data.write(folder.resolve("validation.npz"), Data.labelled(Networks.conv(1), Data.images(50, 3)));
        Files.createDirectory(folder.resolve("pictures"));
        for (int i = 0; i < 16; i++) {
            var picture = new BufferedImage(12, 12, BufferedImage.TYPE_INT_RGB);
            picture.setRGB(i % 12, 5, 0xffffff);
            ImageIO.write(
                    picture,
                    i % 2 == 0 ? "png" : "jpg",
                    folder.resolve("pictures/" + i + (i % 2 == 0 ? ".png" : ".jpg"))
                            .toFile());
        }
        // When pictures become data there and a network is quantized, with a path that has two tools and no Java
        var program = home.resolve("bin/quantline").toString();
        var tools = tools("dirname", "readlink");
        run(
                folder,
                List.of(
                        program,
                        "data",
                        "images",
                        "pictures",
                        "--model",
                        "net.onnx",
                        "--normalize",
                        "unit",
                        "--out",
                        "images.npz"),
                tools);
        var said = run(
                folder,
                List.of(
                        program,
                        "quantize",
                        "net.onnx",
                        "--data",
                        "images.npz",
                        "--normalize",
                        "images.normalize.json",
                        "--eval",
                        "validation.npz",
                        "--metric",
                        "top1",
                        "--recipe",
                        "int8",
                        "--out",
                        "result"),
                tools);
        // Then data and model are there, and the model runs
        try (var npz = NpzArrays.open(folder.resolve("images.npz"))) {
            assertEquals(16, npz.first("image", Integer.MAX_VALUE).dim(0));
        }
        assertEquals(
                "done",
                Json.MAPPER
                        .readTree(folder.resolve("result/report.json").toFile())
                        .path("status")
                        .asText(),
                said);
        var model = folder.resolve("result/model.onnx");
        assertTrue(
                ModelFile.read(model).nodes().stream()
                        .anyMatch(node -> node.op().equals("QuantizeLinear")),
                said);
        try (var session = Session.open(model, Provider.cpu(), Session.Optimization.ALL)) {
            assertEquals(Set.of("image"), session.inputs());
        }
    }

    /** Entries of libraries that are of no use on this platform. */
    private static List<String> foreign(Path home) throws IOException {
        var found = new ArrayList<String>();
        try (var files = Files.walk(home.resolve("lib/app"))) {
            for (var jar :
                    files.filter(file -> file.toString().endsWith(".jar")).toList()) {
                try (var zip = new ZipFile(jar.toFile())) {
                    zip.stream()
                            .map(ZipEntry::getName)
                            .filter(name -> name.matches(".*\\.(dll|dylib|jnilib|pdb)"))
                            .forEach(found::add);
                }
            }
        }
        return found;
    }

    private String tools(String... names) throws IOException {
        var tools = Files.createDirectory(folder.resolve("tools"));
        for (var name : names) {
            Files.createSymbolicLink(tools.resolve(name), Path.of("/usr/bin", name));
        }
        return tools.toString();
    }

    /** What a command says; it has a path in its environment, and an option that spares compiling much for a short run. */
    private static String run(Path folder, List<String> command, String path) throws IOException, InterruptedException {
        var log = Files.createTempFile(folder, "said", ".log");
        var builder = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        builder.environment().clear();
        builder.environment().putAll(Map.of("PATH", path, "QUANTLINE_JAVA_OPTS", "-XX:TieredStopAtLevel=1"));
        var process = builder.start();
        boolean ended = process.waitFor(2, TimeUnit.MINUTES);
        assertEquals(0, ended ? process.exitValue() : process.destroyForcibly().waitFor(), Files.readString(log));
        return Files.readString(log);
    }
}
