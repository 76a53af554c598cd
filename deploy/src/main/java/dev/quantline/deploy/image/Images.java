package dev.quantline.deploy.image;

import com.google.cloud.tools.jib.api.Containerizer;
import com.google.cloud.tools.jib.api.InvalidImageReferenceException;
import com.google.cloud.tools.jib.api.Jib;
import com.google.cloud.tools.jib.api.JibContainerBuilder;
import com.google.cloud.tools.jib.api.TarImage;
import com.google.cloud.tools.jib.api.buildplan.AbsoluteUnixPath;
import com.google.cloud.tools.jib.api.buildplan.Port;
import dev.quantline.console.dist.Distribution;
import dev.quantline.console.dist.JavaRuntime;
import dev.quantline.console.dist.Platform;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Makes of each image an archive, as {@code docker save} would. The same build, JDK and packages give the same bytes. */
public final class Images {
    private static final double MEGABYTE = 1e6;

    private Images() {}

    /**
     * Makes all of them; what to make stands in system properties, see {@link Settings}.
     *
     * @throws BadInput saying what is missing, or what cannot be read
     */
    public static void main(String[] args) throws Exception {
        Platform.current().supported();
        var settings = Settings.read(System.getProperties());
        var work = Files.createTempDirectory(Files.createDirectories(settings.out()), ".images");
        try {
            var below = new ArrayList<Layer>();
            var packages = settings.base().isPresent() ? List.<DebianRoot.Package>of() : DebianRoot.packages();
            if (!packages.isEmpty()) {
                DebianRoot.make(packages, settings.out().resolve("debian"), work.resolve("root"));
                below.add(Layer.of("root", work.resolve("root"), ""));
            }
            var java = work.resolve("java");
            JavaRuntime.link(Path.of(System.getProperty("java.home")), java);
            for (var image :
                    Contents.of(settings.root(), work, java, packages, below).entrySet()) {
                var archive = pack(settings, image.getKey(), image.getValue(), work.resolve("cache"));
                System.out.println(said(settings.name(image.getKey()), archive, image.getValue()));
            }
        } finally {
            Distribution.delete(work);
        }
    }

    /**
     * Writes one archive.
     *
     * @param cache a folder in which layers are kept for other images that have them too
     */
    static Path pack(Settings settings, Part part, List<Layer> layers, Path cache) throws Exception {
        var archive = settings.out().resolve("quantline-%s.tar".formatted(part.image()));
        var image = base(settings);
        layers.forEach(layer -> image.addFileEntriesLayer(layer.entries()));
        image.setEntrypoint(part.entrypoint())
                .setProgramArguments(List.of())
                .setEnvironment(part.environment())
                .setUser("%1$d:%1$d".formatted(Part.USER))
                .setWorkingDirectory(AbsoluteUnixPath.get("/work"))
                .setVolumes(AbsoluteUnixPath.get("/work"))
                .setExposedPorts(part.isService() ? Set.of(Port.tcp(Part.PORT)) : Set.of())
                .setCreationTime(settings.created())
                .setLabels(settings.labels(part))
                .containerize(Containerizer.to(TarImage.at(archive).named(settings.name(part)))
                        .setApplicationLayersCache(cache)
                        .setBaseImageLayersCache(cache)
                        .setToolName("quantline"));
        return archive;
    }

    private static JibContainerBuilder base(Settings settings) {
        try {
            return settings.base().isPresent() ? Jib.from(settings.base().get()) : Jib.fromScratch();
        } catch (InvalidImageReferenceException malformed) {
            throw new BadInput("images.base is '%s', and no name of an image such as debian:12-slim"
                    .formatted(malformed.getInvalidReference()));
        }
    }

    /** Name, archive and sizes; what another image brings is not counted. */
    static String said(String name, Path archive, List<Layer> layers) throws IOException {
        long sum = 0;
        var parts = new ArrayList<String>();
        for (var layer : layers) {
            sum += layer.bytes();
            parts.add("%s %.1f".formatted(layer.name(), layer.bytes() / MEGABYTE));
        }
        return "%s: %s, %.1f MB, %.1f MB unpacked (%s)"
                .formatted(name, archive, Files.size(archive) / MEGABYTE, sum / MEGABYTE, String.join(", ", parts));
    }
}
