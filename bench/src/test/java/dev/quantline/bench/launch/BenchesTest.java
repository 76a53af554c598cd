package dev.quantline.bench.launch;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.quantline.fixture.Checkout;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BenchesTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... words) throws Exception {
        return Benches.run(List.of(words), new PrintStream(out, true), new PrintStream(err, true));
    }

    @Test
    void everyClassThatCanBeStartedIsListed() {
        var startable = new ClassFileImporter()
                        .withImportOption(new ImportOption.DoNotIncludeTests())
                        .importPath(Checkout.root().resolve("bench/target/classes"))
                        .stream()
                        .filter(type ->
                                type.tryGetMethod("main", String[].class).isPresent())
                        .filter(type -> !type.isEquivalentTo(Benches.class))
                        .map(JavaClass::getName)
                        .collect(Collectors.toCollection(TreeSet::new));

        var listed = Benches.ALL.stream().map(bench -> bench.type().getName()).toList();

        assertEquals(startable, new TreeSet<>(listed));
        assertEquals(startable.size(), listed.size());
    }

    @Test
    void withoutANameItListsAllOneALine() throws Exception {
        assertEquals(0, run());

        var lines = out.toString().lines().toList();
        assertEquals(Benches.ALL.size(), lines.size());
        assertTrue(
                lines.contains("allocate.ProgramBench      time of the integer program that allocates bits"),
                lines::toString);
    }

    @Test
    void aNameThatIsUnknownIsAnsweredWithTheClosest() throws Exception {
        assertEquals(2, run("tune.Ablations", "x"));
        assertEquals(
                "quantline: no bench is called 'tune.Ablations': did you mean 'tune.Ablation'?",
                err.toString().strip());
    }

    @Test
    void theLastPartOfANameIsEnoughWhereOnlyOneBenchIsCalledSo() throws Exception {
        assertEquals(0, run("fuzz", "--help"));
        assertTrue(out.toString().startsWith("./quantline bench robustness.Fuzz [--minutes M]"), out::toString);
        assertEquals(2, run("ablation", "--help"));
    }

    @Test
    void tooFewArgumentsAreAnsweredWithTheUsage() throws Exception {
        assertEquals(2, run("tune.StepCost", "model.onnx", "folder", "60"));
        assertTrue(err.toString().contains("./quantline bench tune.StepCost MODEL FOLDER STEPS TURNS"), err::toString);
    }

    @Test
    void helpOfABenchIsItsUsageAndPurpose() throws Exception {
        assertEquals(0, run("allocate.ProgramBench", "--help"));
        assertEquals(
                List.of(
                        "./quantline bench allocate.ProgramBench [LAYERS] [TABLES]",
                        "time of the integer program that allocates bits"),
                out.toString().lines().toList());
    }

    @Test
    void aBenchNamedAsItsPackageIsCalledThat() throws Exception {
        assertEquals(0, run("chaos", "--help"));
        assertTrue(
                out.toString().startsWith("./quantline bench chaos [--jobs N] [--minutes M] [--kills K] [--seed S]"),
                out::toString);
    }

    @Test
    void argumentsInBracketsMayBeLeftOut() {
        var bench = new Bench(Benches.class, _ -> {}, "ONE [TWO]", "");

        assertTrue(bench.isEnough(List.of("1")) && !bench.isEnough(List.of()));
        assertTrue(new Bench(Benches.class, _ -> {}, "", "").isEnough(List.of()));
        assertTrue(new Bench(Benches.class, _ -> {}, "[--count N]", "").isEnough(List.of()));
        assertTrue(new Bench(Benches.class, _ -> {}, "[--option VALUE]", "").isEnough(List.of()));
    }
}
