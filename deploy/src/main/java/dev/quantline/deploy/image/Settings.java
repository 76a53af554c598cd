package dev.quantline.deploy.image;

import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What Maven says about the images to be made.
 *
 * @param root    a checkout whose services and console are packaged
 * @param out     receives the archives
 * @param version the tag
 * @param created the time that images state, which is not when they were made: the same build gives the same bytes
 * @param home    where the project is published
 * @param revision the commit, if it is known
 * @param base    an image that takes the place of the root of Debian packages
 */
record Settings(
        Path root,
        Path out,
        String version,
        Instant created,
        String home,
        Optional<String> revision,
        Optional<String> base) {
    /**
     * Of properties {@code images.root} and so on; {@code images.base} may be empty.
     *
     * @throws BadInput naming a property that is missing or cannot be read
     */
    static Settings read(Properties properties) {
        try {
            var root = Path.of(needed(properties, "root")).toAbsolutePath().normalize();
            return new Settings(
                    root,
                    Path.of(needed(properties, "out")).toAbsolutePath().normalize(),
                    needed(properties, "version"),
                    Instant.parse(needed(properties, "created")),
                    needed(properties, "home"),
                    revision(root),
                    Optional.of(properties.getProperty("images.base", "").strip())
                            .filter(base -> !base.isEmpty()));
        } catch (DateTimeParseException malformed) {
            throw new BadInput("images.created is '%s', and no time such as 2026-11-21T00:00:00Z"
                    .formatted(malformed.getParsedString()));
        }
    }

    /** Of an image, with its tag. */
    String name(Part part) {
        return "quantline/%s:%s".formatted(part.image(), version);
    }

    /** The labels of an image, by the keys of the OCI's image specification. */
    Map<String, String> labels(Part part) {
        var labels = new TreeMap<String, String>();
        labels.put("title", "Quantline " + part.image());
        labels.put("description", part.description());
        labels.put("version", version);
        labels.put("created", created.toString());
        labels.put("licenses", "Apache-2.0");
        labels.put("vendor", "The Quantline authors");
        labels.put("url", home);
        labels.put("source", home + "/quantline.git");
        revision.ifPresent(commit -> labels.put("revision", commit));
        base.ifPresent(image -> labels.put("base.name", image));
        return labels.entrySet().stream()
                .collect(Collectors.toMap(label -> "org.opencontainers.image." + label.getKey(), Map.Entry::getValue));
    }

    /** The commit that is checked out, with {@code -dirty} behind it if something was changed; nothing outside of a clone. */
    private static Optional<String> revision(Path root) {
        try {
            return Optional.of(Tool.run(root, "git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*")
                    .strip());
        } catch (IOException noClone) {
            return Optional.empty();
        }
    }

    private static String needed(Properties properties, String name) {
        var value = properties.getProperty("images." + name, "").strip();
        if (value.isEmpty()) {
            throw new BadInput(
                    "images.%s is not set: run ./quantline mvn -Pimages -pl deploy -am package".formatted(name));
        }
        return value;
    }
}
