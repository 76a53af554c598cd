package dev.quantline.deploy.image;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;

/** What an image consists of, in CycloneDX: Maven's list of a module, completed by what lies below it. */
final class Sbom {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Sbom() {}

    /**
     * Completes a list.
     *
     * @param bom       what Maven's plug-in for CycloneDX wrote
     * @param libraries jars of the image by their names; they state their hashes as they are there, without natives of other platforms
     * @param java      the runtime
     * @param packages  of the root; empty on another image
     * @throws IllegalStateException for a jar that the list does not have
     */
    static String of(Path bom, Map<String, Path> libraries, Path java, List<DebianRoot.Package> packages)
            throws IOException {
        var document = (ObjectNode) JSON.readTree(bom.toFile());
        var unknown = new TreeSet<>(libraries.keySet());
        for (var node : document.withArray("components")) {
            var component = (ObjectNode) node;
            var jar = jar(component);
            if (unknown.remove(jar)) {
                component.remove("hashes");
                hash(component, DebianRoot.sha256(libraries.get(jar)));
            }
        }
        if (!unknown.isEmpty()) {
            throw new IllegalStateException(bom + " does not list " + unknown);
        }
        var runtime = release(java);
        component(
                document,
                "platform",
                "openjdk",
                runtime,
                "GPL-2.0-only WITH Classpath-exception-2.0",
                "pkg:generic/openjdk@" + runtime);
        for (var one : packages) {
            var purl = "pkg:deb/debian/%s@%s?arch=amd64&distro=debian-12"
                    .formatted(one.name().replace("+", "%2B"), one.version().replace("+", "%2B"));
            hash(component(document, "library", one.name(), one.version(), one.licence(), purl), one.sha256());
        }
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(document) + "\n";
    }

    /** A jar as Quarkus names it. */
    private static String jar(ObjectNode component) {
        var purl = component.path("purl").asText();
        var classifier = purl.contains("classifier=") ? "-" + purl.replaceAll(".*classifier=([^&]*).*", "$1") : "";
        return "%s.%s-%s%s.jar"
                .formatted(
                        component.path("group").asText(),
                        component.path("name").asText(),
                        component.path("version").asText(),
                        classifier);
    }

    private static ObjectNode component(
            ObjectNode document, String type, String name, String version, String licence, String purl) {
        var component = document.withArray("components").addObject();
        component.put("type", type).put("bom-ref", purl).put("name", name).put("version", version);
        component.putArray("licenses").addObject().put("expression", licence);
        component.put("purl", purl);
        return component;
    }

    private static void hash(ObjectNode component, String sha256) {
        component.putArray("hashes").addObject().put("alg", "SHA-256").put("content", sha256);
    }

    private static String release(Path java) throws IOException {
        var release = new Properties();
        try (Reader text = Files.newBufferedReader(java.resolve("release"))) {
            release.load(text);
        }
        return release.getProperty("JAVA_VERSION").replace("\"", "");
    }
}
