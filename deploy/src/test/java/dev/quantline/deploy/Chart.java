package dev.quantline.deploy;

import com.fasterxml.jackson.databind.JsonNode;
import com.marcnuri.helm.Helm;
import dev.quantline.fixture.Checkout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The chart, rendered by Helm itself, which runs in this process. */
final class Chart {
    static final Path FOLDER = Checkout.root().resolve("deploy/helm/quantline");
    /** A version of Kubernetes that the chart allows; nothing depends on it. */
    private static final String KUBERNETES = "1.34.0";

    private static final String HOOK = "helm.sh/hook";
    private static final String NO_HOOK = "quantline.test/hook";
    private static final String RELEASE = "demo";
    private static final String NAMESPACE = "models";

    private Chart() {}

    /** All manifests, those of hooks included, as one text. @throws RuntimeException with Helm's message when it refuses */
    static String render(Path values) {
        return new Helm(WithoutHooks.FOLDER)
                .template()
                .withName(RELEASE)
                .withNamespace(NAMESPACE)
                .withKubeVersion(KUBERNETES)
                .withValuesFile(values)
                .call()
                .replace(NO_HOOK, HOOK);
    }

    /** The version of the images. */
    static String appVersion() throws IOException {
        return described().path("appVersion").asText();
    }

    /** A text in which the versions, which a release changes, are words. */
    static String withoutVersions(String text) throws IOException {
        return text.replace(appVersion(), "APP-VERSION")
                .replace("quantline-" + described().path("version").asText(), "quantline-CHART-VERSION");
    }

    private static JsonNode described() throws IOException {
        return Manifests.YAML.readTree(FOLDER.resolve("Chart.yaml").toFile());
    }

    /** What Helm says after an installation. */
    static String notes(Path values) {
        var said = new Helm(FOLDER)
                .install()
                .withName(RELEASE)
                .withNamespace(NAMESPACE)
                .withKubeVersion(KUBERNETES)
                .withValuesFile(values)
                .clientOnly()
                .dryRun()
                .call()
                .getOutput();
        return said.substring(said.indexOf("NOTES:"));
    }

    /** What Helm has to say against a chart, as strict as it can be. */
    static List<String> lint(Path folder) {
        var result = new Helm(folder).lint().strict().call();
        return result.getMessages().stream()
                .filter(message ->
                        result.isFailed() || message.startsWith("[WARNING]") || message.startsWith("[ERROR]"))
                .toList();
    }

    static void copy(Path to) throws IOException {
        try (var files = Files.walk(FOLDER)) {
            for (var file : files.toList()) {
                Files.copy(file, to.resolve(FOLDER.relativize(file).toString()));
            }
        }
    }

    /** Through Java, Helm renders all but hooks: a copy of the chart in which they are none. */
    private static final class WithoutHooks {
        static final Path FOLDER = make();

        private static Path make() {
            try {
                var folder = Files.createTempDirectory("quantline-chart").resolve("quantline");
                folder.getParent().toFile().deleteOnExit();
                copy(folder);
                try (var files = Files.walk(folder)) {
                    for (var file : files.toList().reversed()) {
                        if (file.toString().endsWith(".yaml")) {
                            Files.writeString(file, Files.readString(file).replace(HOOK, NO_HOOK));
                        }
                    }
                }
                try (var files = Files.walk(folder)) {
                    files.forEach(file -> file.toFile().deleteOnExit());
                }
                return folder;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
