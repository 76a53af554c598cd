package dev.quantline.deploy.image;

import dev.quantline.console.dist.Platform;
import dev.quantline.console.dist.Slimmed;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What goes into which layer of which image. */
final class Contents {
    /** Where an image's bill of materials lies in it. */
    static final String SBOM = "/app/sbom.cdx.json";

    private static final String LIBRARIES = "/app/lib/";

    private Contents() {}

    /**
     * The layers of all images, those that change least first.
     *
     * @param root     a checkout whose modules are packaged, with their bills of materials
     * @param work     a folder for what is copied; it has to stay until the images are made
     * @param java     the runtime, a folder
     * @param packages what the layers below Java are made of
     * @param below    those layers
     * @throws BadInput when a module is not packaged
     */
    static Map<Part, List<Layer>> of(
            Path root, Path work, Path java, List<DebianRoot.Package> packages, List<Layer> below) throws IOException {
        var applications = new EnumMap<Part, SortedMap<String, Path>>(Part.class);
        for (var part : Part.values()) {
            applications.put(part, application(target(root, part), work));
        }
        var runtime = Layer.of("Java", java, "/opt/java");
        var empty = Files.createDirectories(work.resolve("empty"));
        var images = new EnumMap<Part, List<Layer>>(Part.class);
        for (var part : Part.values()) {
            var files = applications.get(part);
            var sbom = work.resolve(part.image() + ".json");
            Files.writeString(sbom, Sbom.of(bom(target(root, part)), libraries(files), java, packages));
            files.put(SBOM, sbom);
            files.put("/work", empty);
            files.put("/tmp", empty);
            images.put(
                    part,
                    Stream.of(below.stream(), Stream.of(runtime), Layer.ofApplication(files, applications.values()))
                            .flatMap(layers -> layers)
                            .filter(layer -> !layer.files().isEmpty())
                            .toList());
        }
        return images;
    }

    /** The packaged application by the paths of its image. Libraries are copied once, without native libraries of other platforms. */
    private static SortedMap<String, Path> application(Path target, Path work) throws IOException {
        var app = target.resolve("quarkus-app");
        if (!Files.exists(app.resolve("quarkus-run.jar")) || !Files.exists(bom(target))) {
            throw new BadInput(
                    ("%s is without quarkus-app/quarkus-run.jar or %s: run ./quantline mvn -Pimages -pl deploy -am package "
                                    + "-DskipTests")
                            .formatted(target, bom(target).getFileName()));
        }
        var files = new TreeMap<String, Path>();
        for (var entry : Layer.of("", app, "/app").files().entrySet()) {
            var file = entry.getValue();
            if (entry.getKey().startsWith(LIBRARIES)) {
                file = work.resolve(entry.getKey().substring(1));
                if (!Files.exists(file)) {
                    Files.createDirectories(file.getParent());
                    Slimmed.copy(entry.getValue(), file, Platform.current());
                }
            }
            files.put(entry.getKey(), file);
        }
        return files;
    }

    private static Path target(Path root, Part part) {
        return root.resolve(part.module()).resolve("target");
    }

    private static Path bom(Path target) {
        return target.resolve("bom.json");
    }

    private static Map<String, Path> libraries(Map<String, Path> files) {
        return files.entrySet().stream()
                .filter(file -> file.getKey().startsWith(LIBRARIES))
                .collect(Collectors.toMap(file -> file.getValue().getFileName().toString(), Map.Entry::getValue));
    }
}
