package dev.quantline.bench.chaos;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;

/** The services as they are packaged from the sources. */
public final class Packaged {
    private Packaged() {}

    /** Packages the services, because older ones may lie there, and returns the root of the checkout. */
    public static Path root() throws IOException, InterruptedException, URISyntaxException {
        var classes = Path.of(Packaged.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .toURI());
        var root = classes.getParent().getParent().getParent();
        System.err.println("quantline: packaging the services");
        var modules = String.join(
                ",", Cluster.SERVICES.stream().map(name -> name + "-service").toList());
        int status = new ProcessBuilder(
                        root.resolve("quantline").toString(),
                        "mvn",
                        "-q",
                        "-B",
                        "-pl",
                        modules,
                        "-am",
                        "package",
                        "-DskipTests")
                .inheritIO()
                .start()
                .waitFor();
        if (status != 0) {
            throw new IOException("the services cannot be packaged");
        }
        return root;
    }

    /** Of a packaged service. */
    static Path jar(Path root, String name) {
        return root.resolve(Path.of(name + "-service", "target", "quarkus-app", "quarkus-run.jar"));
    }
}
