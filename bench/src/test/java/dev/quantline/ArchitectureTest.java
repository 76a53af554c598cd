package dev.quantline;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import dev.quantline.fixture.Checkout;
import dev.quantline.onnx.runtime.Blas;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.factory.Nd4j;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * The arrows between the modules, which are the folders of the checkout, and between the packages of the libraries, which each
 * {@code package-info.java} states after the word "Imports".
 */
class ArchitectureTest {
    private static final String ROOT = "dev.quantline.";
    /** What each module may use. A module is named after its folder and owns the package of that name. */
    private static final Map<String, Set<String>> MODULES = Map.ofEntries(
            Map.entry("onnx", Set.of()),
            Map.entry("gradient", Set.of("onnx")),
            Map.entry("quantize", Set.of("onnx", "gradient")),
            Map.entry("data", Set.of("onnx")),
            Map.entry("pipeline", Set.of("onnx", "quantize")),
            Map.entry("profiler", Set.of("onnx", "quantize", "pipeline")),
            Map.entry("calibrator", Set.of("onnx", "quantize", "pipeline")),
            Map.entry("tuner", Set.of("onnx", "quantize", "pipeline")),
            Map.entry("exporter", Set.of("onnx", "quantize", "pipeline")),
            Map.entry("embedded", Set.of()),
            Map.entry("console", Set.of("onnx", "quantize", "data", "pipeline", "embedded")),
            Map.entry("deploy", Set.of("onnx", "console")),
            Map.entry("bench", Set.of("onnx", "gradient", "quantize", "pipeline", "embedded")));

    private static final Set<String> LIBRARIES = Set.of("onnx", "gradient", "quantize");
    private static final Set<String> STAGES = Set.of("profile", "calibrate", "tune", "allocate", "export");
    /** The one arrow from stage to stage: calibration reads the statistics that profiling defines. */
    private static final Set<String> BETWEEN_STAGES = Set.of("calibrate -> profile");

    private static final Pattern STATEMENT = Pattern.compile("Imports ([^.]*(?:\\.[a-z][^.]*)*)");
    private static final Pattern PACKAGE = Pattern.compile("\\{@code ([a-z]+)}");

    private static JavaClasses all;
    private static JavaClasses libraries;
    private static Map<String, Set<String>> stated;

    @BeforeAll
    static void readClassesAndStatements() throws IOException {
        all = new ClassFileImporter().importPaths(folders(MODULES.keySet(), "target/classes"));
        libraries = new ClassFileImporter().importPaths(folders(LIBRARIES, "target/classes"));
        stated = new TreeMap<>();
        for (var sources : folders(LIBRARIES, "src/main/java/dev/quantline")) {
            try (var files = Files.walk(sources, 3)) {
                for (var file :
                        files.filter(path -> path.endsWith("package-info.java")).toList()) {
                    var named = sources.relativize(file.getParent());
                    if (!named.startsWith("gradient") || named.getNameCount() == 1) {
                        stated.put(named.getFileName().toString(), imports(Files.readString(file)));
                    }
                }
            }
        }
    }

    private static List<Path> folders(Set<String> modules, String inside) {
        return modules.stream()
                .sorted()
                .flatMap(module -> Stream.of(module, module + "-service"))
                .map(folder -> Checkout.root().resolve(folder).resolve(inside))
                .filter(Files::isDirectory)
                .toList();
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

    private static String[] path(JavaClass type) {
        String name = type.getPackageName();
        return name.startsWith(ROOT) ? name.substring(ROOT.length()).split("\\.") : new String[] {""};
    }

    private static String module(JavaClass type) {
        return path(type)[0];
    }

    /** The package of a library that a class lies in: {@code plan} for {@code dev.quantline.quantize.plan.Target}; gradients are one. */
    private static String part(JavaClass type) {
        var path = path(type);
        return !LIBRARIES.contains(path[0]) ? "" : path.length == 1 || path[0].equals("gradient") ? path[0] : path[1];
    }

    private interface Place {
        String of(JavaClass type);
    }

    /** From place to place, each with an example. */
    private static Map<String, String> arrows(JavaClasses classes, Place place) {
        var arrows = new TreeMap<String, String>();
        for (var type : classes) {
            for (var dependency : type.getDirectDependenciesFromSelf()) {
                String target = place.of(dependency.getTargetClass());
                if (!target.isEmpty() && !target.equals(place.of(type))) {
                    arrows.putIfAbsent(place.of(type) + " -> " + target, dependency.getDescription());
                }
            }
        }
        return arrows;
    }

    private static List<String> offences(Map<String, String> arrows, Map<String, Set<String>> allowed, String where) {
        var offences = new ArrayList<String>();
        arrows.forEach((arrow, example) -> {
            var ends = arrow.split(" -> ");
            if (!allowed.getOrDefault(ends[0], Set.of()).contains(ends[1])) {
                offences.add(arrow + ": not stated in " + where.formatted(ends[0]) + "; " + example);
            }
        });
        return offences;
    }

    @Test
    void modulesUseOnlyWhatTheyMay() {
        assertEquals(List.of(), offences(arrows(all, ArchitectureTest::module), MODULES, "this test's row of %s"));
    }

    @Test
    void everyModuleIsHeldToItsRow() throws IOException {
        try (var folders = Files.list(Checkout.root())) {
            var poms = folders.filter(folder -> Files.exists(folder.resolve("pom.xml")))
                    .map(folder -> folder.getFileName().toString().replace("-service", ""))
                    .toList();
            assertEquals(new TreeSet<>(MODULES.keySet()), new TreeSet<>(poms));
        }
        for (String module : MODULES.keySet()) {
            assertTrue(
                    all.stream().anyMatch(type -> module(type).equals(module)),
                    module + " has no classes: build it first");
        }
    }

    @Test
    void packagesImportOnlyWhatTheySayTheyDo() {
        assertEquals(List.of(), offences(arrows(libraries, ArchitectureTest::part), stated, "package-info.java of %s"));
    }

    @Test
    void theBottomStaysTheBottom() {
        assertEquals(Set.of(), stated.get("onnx"));
        assertEquals(Set.of("onnx"), stated.get("quantizer"));
        assertEquals(Set.of("onnx"), stated.get("runtime"));
        assertEquals(Set.of("onnx", "rewrite", "quantizer"), stated.get("plan"));
    }

    @Test
    void stagesMeetOnlyInThePlan() {
        var between = new TreeSet<String>();
        for (String arrow : arrows(libraries, ArchitectureTest::part).keySet()) {
            var ends = arrow.split(" -> ");
            if (STAGES.contains(ends[0]) && STAGES.contains(ends[1])) {
                between.add(arrow);
            }
        }

        assertEquals(BETWEEN_STAGES, between);
    }

    @Test
    void nothingGoesInCircles() {
        slices().matching("dev.quantline.(*)..").should().beFreeOfCycles().check(all);
        slices().matching("dev.quantline.onnx.(*)..").should().beFreeOfCycles().check(libraries);
        slices().matching("dev.quantline.quantize.(*)..")
                .should()
                .beFreeOfCycles()
                .check(libraries);
    }

    @Test
    void librariesKnowNoServicesEventsOrStorage() {
        var shell = List.of(
                "io.quarkus.",
                "jakarta.",
                "io.smallrye.",
                "org.eclipse.microprofile.",
                "org.apache.kafka.",
                "io.cloudevents.",
                "io.minio.",
                "software.amazon.",
                "okhttp3.");

        var known = libraries.stream()
                .flatMap(type -> type.getDirectDependenciesFromSelf().stream())
                .filter(found -> shell.stream().anyMatch(found.getTargetClass().getPackageName()::startsWith))
                .map(found -> found.getDescription())
                .toList();

        assertEquals(List.of(), known);
    }

    @Test
    void whoeverMakesArraysHasSettledTheKernels() {
        var unsettled = all.stream()
                .filter(type -> uses(type, Nd4j.class) && !uses(type, Blas.class))
                .map(JavaClass::getName)
                .toList();

        assertEquals(List.of(), unsettled);
    }

    private static boolean uses(JavaClass type, Class<?> other) {
        return type.getDirectDependenciesFromSelf().stream()
                .anyMatch(found -> found.getTargetClass().isEquivalentTo(other));
    }

    @Test
    void statementsAreUnderstood() {
        assertEquals(Set.of("onnx", "runtime"), imports("/** x. <p>Imports {@code onnx} and {@code runtime}. */"));
        assertEquals(Set.of(), imports("Reads {@code profile}. Imports nothing. See {@code plan}."));
        assertFalse(stated.get("export").isEmpty());
    }
}
