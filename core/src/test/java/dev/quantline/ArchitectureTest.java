package dev.quantline;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.quantline.fixture.Checkout;
import dev.quantline.onnx.Graph;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/** The arrows between core's packages, as each {@code package-info.java} states them after the word "Imports". */
class ArchitectureTest {
    private static final String ROOT = "dev.quantline.";
    private static final Path SOURCES = Checkout.root().resolve("core/src/main/java/dev/quantline");
    private static final Pattern STATEMENT = Pattern.compile("Imports ([^.]*(?:\\.[a-z][^.]*)*)");
    private static final Pattern PACKAGE = Pattern.compile("\\{@code (?:dev\\.quantline\\.)?([a-z]+)}");
    private static final Set<String> STAGES = Set.of("profile", "calibrate", "tune", "allocate", "export");
    /** The one arrow from stage to stage: calibration reads the statistics that profiling defines. */
    private static final Set<String> BETWEEN_STAGES = Set.of("calibrate -> profile");

    private static JavaClasses core;
    private static Map<String, Set<String>> stated;

    @BeforeAll
    static void readClassesAndStatements() throws IOException, URISyntaxException {
        core = new ClassFileImporter()
                .importPath(Path.of(Graph.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .toURI()));
        stated = new TreeMap<>();
        try (var folders = Files.list(SOURCES)) {
            for (var folder : folders.filter(Files::isDirectory).toList()) {
                stated.put(
                        folder.getFileName().toString(),
                        imports(Files.readString(folder.resolve("package-info.java"))));
            }
        }
    }

    static Set<String> imports(String packageInfo) {
        var names = new TreeSet<String>();
        STATEMENT
                .matcher(packageInfo)
                .results()
                .forEach(sentence ->
                        PACKAGE.matcher(sentence.group(1)).results().forEach(name -> names.add(name.group(1))));
        return names;
    }

    /** The folder of core a class lies in: {@code gradient} for {@code dev.quantline.gradient.rules.Rule}. */
    private static String part(JavaClass type) {
        return type.getPackageName().startsWith(ROOT)
                ? type.getPackageName().substring(ROOT.length()).split("\\.")[0]
                : "";
    }

    private static Map<String, String> arrows() {
        var arrows = new TreeMap<String, String>();
        for (var type : core) {
            for (var dependency : type.getDirectDependenciesFromSelf()) {
                String target = part(dependency.getTargetClass());
                if (!target.isEmpty() && !target.equals(part(type))) {
                    arrows.putIfAbsent(part(type) + " -> " + target, dependency.getDescription());
                }
            }
        }
        return arrows;
    }

    @Test
    void packagesImportOnlyWhatTheySayTheyDo() {
        var offences = new ArrayList<String>();
        arrows().forEach((arrow, example) -> {
            var ends = arrow.split(" -> ");
            if (!stated.get(ends[0]).contains(ends[1])) {
                offences.add(arrow + ": not stated in " + ends[0] + "/package-info.java; " + example);
            }
        });

        assertEquals(List.of(), offences);
    }

    @Test
    void theBottomStaysTheBottom() {
        assertEquals(Set.of(), stated.get("onnx"));
        assertEquals(Set.of("onnx"), stated.get("quantizer"));
        assertEquals(Set.of("onnx"), stated.get("runtime"));
        assertEquals(Set.of("onnx", "quantizer"), stated.get("plan"));
    }

    @Test
    void stagesMeetOnlyInThePlan() {
        var between = new TreeSet<String>();
        for (String arrow : arrows().keySet()) {
            var ends = arrow.split(" -> ");
            if (STAGES.contains(ends[0]) && STAGES.contains(ends[1])) {
                between.add(arrow);
            }
        }

        assertEquals(BETWEEN_STAGES, between);
    }

    @Test
    void nothingGoesInCircles() {
        slices().matching("dev.quantline.(*)..").should().beFreeOfCycles().check(core);
    }

    @Test
    void coreKnowsNoServicesEventsOrStorage() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.quarkus..",
                        "jakarta..",
                        "io.smallrye..",
                        "org.eclipse.microprofile..",
                        "org.apache.kafka..",
                        "io.cloudevents..",
                        "io.minio..",
                        "software.amazon..",
                        "okhttp3..",
                        "dev.quantline.pipeline..",
                        "dev.quantline.embedded..")
                .check(core);
    }

    @Test
    void statementsAreUnderstood() {
        assertEquals(
                Set.of("onnx", "runtime"),
                imports("/** x. <p>Imports {@code dev.quantline.onnx} and {@code runtime}. */"));
        assertEquals(Set.of(), imports("Reads {@code profile}. Imports nothing. See {@code plan}."));
        assertFalse(stated.get("export").isEmpty());
    }
}
