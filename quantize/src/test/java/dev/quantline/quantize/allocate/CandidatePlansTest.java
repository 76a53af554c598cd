package dev.quantline.quantize.allocate;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.QuantizationPlan.Activation;
import dev.quantline.quantize.plan.QuantizationPlan.Weight;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Width;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Plans assembled from plans of single widths, on a hand-written chain. */
class CandidatePlansTest {
    private static final Width WIDE = new Width(8, 8);
    private static final Width NARROW = new Width(4, 4);
    private static final Width MIXED = new Width(4, 8);

    @TempDir
    private Path folder;

    /** x -> first -> h -> second, third; all readers of x and {@code moved}, which shares its grid, read codes; of h only two do. */
    private static QuantizationPlan plan(Width width) {
        return new QuantizationPlan(
                List.of(
                        new Activation("x", Set.of(), grid(width.activations()), "mse"),
                        new Activation("moved", Set.of(), grid(width.activations()), "mse"),
                        new Activation("h", Set.of("second", "third"), grid(width.activations()), "mse")),
                List.of(weight("u", "first", width), weight("v", "second", width), weight("w", "third", width)));
    }

    private static Uniform grid(int bits) {
        return Uniform.asymmetric(bits, -1, 3);
    }

    private static Weight weight(String tensor, String node, Width width) {
        return new Weight(tensor, node, 1, Uniform.symmetric(width.weights(), Uniform.PER_TENSOR, new double[] {1}));
    }

    private static Candidates candidates() {
        return new Candidates(
                WIDE,
                List.of(WIDE, NARROW, MIXED),
                Map.of(WIDE, plan(WIDE), NARROW, plan(NARROW), MIXED, plan(MIXED)),
                Map.of("moved", "x", "x", "x"));
    }

    private static final Map<String, List<String>> INPUTS =
            Map.of("first", List.of("x", "u"), "second", List.of("h", "v"), "third", List.of("h", "w"));

    @Test
    void onlyWhatEverybodyReadsBindsALayerToAGrid() {
        assertEquals("x", candidates().gridOf(List.of("x", "u")));
        assertEquals("x", candidates().gridOf(List.of("moved", "u")), "the grid it shares");
        assertEquals("", candidates().gridOf(List.of("h", "v")), "its readers each choose for themselves");
        assertEquals("", candidates().gridOf(List.of("nothing")));
    }

    @Test
    void aLayerAloneHasItsOwnWeightAndWhatItReadsAndNothingElse() {
        var first = candidates().alone("first", List.of("x", "u"), NARROW);
        var second = candidates().alone("second", List.of("h", "v"), NARROW);
        var other = candidates().alone("fourth", List.of("h"), NARROW);

        assertEquals(List.of(new Activation("x", Set.of("first"), grid(4), "mse")), first.activations());
        assertEquals(List.of("u"), first.weights().stream().map(Weight::tensor).toList());
        assertEquals(List.of(new Activation("h", Set.of("second"), grid(4), "mse")), second.activations());
        assertEquals(List.of("v"), second.weights().stream().map(Weight::tensor).toList());
        assertTrue(other.activations().isEmpty(), "it does not read h quantized");
    }

    @Test
    void aSharedGridHasTheLargestWidthAReaderChoseAndTheBaseWhereNobodyDid() {
        var inputs = Map.of("first", List.of("x"), "second", List.of("moved"), "third", List.of("h"));

        assertEquals(List.of(8, 8), shared(Map.of("first", NARROW, "second", MIXED, "third", NARROW), inputs));
        assertEquals(List.of(8, 8), shared(Map.of("first", MIXED, "second", NARROW, "third", NARROW), inputs));
        assertEquals(List.of(4, 4), shared(Map.of("first", NARROW, "second", NARROW, "third", WIDE), inputs));
        assertEquals(
                List.of(4, 4),
                shared(Map.of("first", NARROW, "third", WIDE), inputs),
                "a layer without a choice has no say");
        assertEquals(List.of(8, 8), shared(Map.of("third", NARROW), inputs));
    }

    private static List<Integer> shared(Map<String, Width> chosen, Map<String, List<String>> inputs) {
        return candidates().splice(chosen, inputs).activations().stream()
                .filter(activation -> activation.readers().isEmpty())
                .map(activation -> activation.quantizer().bits())
                .toList();
    }

    @Test
    void readersOfOneWidthShareOneQuantizer() {
        var apart = candidates().splice(Map.of("second", NARROW, "third", MIXED), INPUTS);
        var together = candidates().splice(Map.of("second", NARROW, "third", NARROW), INPUTS);

        assertEquals(Map.of(Set.of("second"), 4, Set.of("third"), 8), ofReaders(apart));
        assertEquals(Map.of(Set.of("second", "third"), 4), ofReaders(together));
        assertEquals(
                List.of(8, 4, 4),
                apart.weights().stream()
                        .map(weight -> weight.quantizer().bits())
                        .toList());
    }

    private static Map<Set<String>, Integer> ofReaders(QuantizationPlan plan) {
        var byReaders = new HashMap<Set<String>, Integer>();
        plan.activations().stream()
                .filter(activation -> !activation.readers().isEmpty())
                .forEach(activation -> byReaders.put(
                        activation.readers(), activation.quantizer().bits()));
        return byReaders;
    }

    @Test
    void aWidthThatWasNoCandidateIsNamed() {
        var scales = new CalibrationTable.WeightCandidate(8, Uniform.symmetric(8, -1, new double[] {1}), 0, null);
        var table = new CalibrationTable(
                List.of(), List.of(new CalibrationTable.Weight("u", "first", 1, List.of(scales))), List.of());
        var plan = new QuantizationPlan(List.of(), List.of(weight("u", "first", WIDE)));
        var model = Graph.empty(17);

        assertSame(
                scales.quantizer(),
                Candidates.of(model, plan, NARROW, table, List.of(WIDE, NARROW))
                        .plans()
                        .get(WIDE)
                        .weights()
                        .getFirst()
                        .quantizer());
        var message = assertThrows(
                        IllegalArgumentException.class,
                        () -> Candidates.of(model, plan, WIDE, table, List.of(new Width(16, 8))))
                .getMessage();
        assertTrue(message.contains("16") && message.contains("first"), message);
        var other = new QuantizationPlan(List.of(), List.of(new Weight("u", "first", 0, scales.quantizer())));
        assertThrows(
                IllegalArgumentException.class,
                () -> Candidates.of(model, other, WIDE, table, List.of(MIXED)),
                "another input");
    }

    @Test
    void rowsOfATableGetTheirScalesBelowEightBitsAlone() {
        // Given
        var builder = new GraphBuilder(17, 1);
        builder.input("ids", DataType.INT64, -1);
        builder.op("y", "Gather", builder.normal("table", 1, 20, 4), "ids");
        var model = builder.graph();
        String node = model.nodes().getFirst().name();
        var columns = Uniform.symmetric(8, 1, new double[] {1, 1, 1, 1});
        var plan = new QuantizationPlan(List.of(), List.of(new Weight("table", node, 0, columns)));
        var table = new CalibrationTable(
                List.of(),
                List.of(new CalibrationTable.Weight(
                        "table", node, 0, List.of(new CalibrationTable.WeightCandidate(8, columns, 0, null)))),
                List.of());

        // When
        var plans = Candidates.of(model, plan, WIDE, table, List.of(WIDE, NARROW, new Width(7, 8)))
                .plans();

        // Then
        assertEquals(columns, plans.get(WIDE).weights().getFirst().quantizer());
        assertEquals(
                RowScales.of(model.initializers().get("table"), 4),
                plans.get(NARROW).weights().getFirst().quantizer());
        assertEquals(
                RowScales.of(model.initializers().get("table"), 7),
                plans.get(new Width(7, 8)).weights().getFirst().quantizer());
    }

    @Test
    void aPartHasTheConstantsOfItsWidth() {
        // Given: the same layer before tuning, for 8 bits and for 4
        var models = new FloatModels(layer(1), WIDE, Map.of(8, layer(2), 4, layer(3)));

        assertEquals(
                2, models.withConstants(layer(0), WIDE).initializers().get("u").get(0));
        assertEquals(
                3,
                models.withConstants(layer(0), NARROW).initializers().get("u").get(0));
        assertEquals(
                2,
                models.withConstants(layer(0), new Width(8, 4))
                        .initializers()
                        .get("u")
                        .get(0));
        assertEquals(
                0,
                models.withConstants(biased(), NARROW).initializers().get("b").get(0),
                "a constant missing there is 0");
        assertEquals(
                3,
                models.splice(Map.of("y/Gemm", NARROW)).initializers().get("u").get(0));
        assertEquals(
                2,
                models.splice(Map.of("other", NARROW)).initializers().get("u").get(0));
    }

    private static Graph layer(float value) {
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, 1),
                builder.constant("u", Tensor.of(new float[] {value}, 1, 1)));
        return builder.output("y", DataType.FLOAT, -1, 1).graph();
    }

    private static Graph biased() {
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, 1),
                builder.constant("u", Tensor.of(new float[] {5}, 1, 1)),
                builder.constant("b", Tensor.vector(5f)));
        return builder.output("y", DataType.FLOAT, -1, 1).graph();
    }

    @Test
    void aFileThatTurnsOutTooLargeNarrowsTheBudgetUntilItFitsOrNothingDoes() {
        // Given: bytes of a file besides the codes that the table counts
        var candidates = candidates();
        var rows = List.of("first", "second", "third").stream()
                .map(layer -> new Table.Row(
                        layer,
                        "MatMul",
                        "",
                        List.of(new Table.Option(WIDE, .1, 800, 0, 0), new Table.Option(NARROW, 1, 400, 0, 0))))
                .toList();
        var table = new Table(rows, 0);
        var models = new FloatModels(layer(1), WIDE, Map.of(8, layer(1), 4, layer(1)));
        var asked = new AtomicInteger();
        Choice.FileSize size = (model, plan) -> {
            asked.incrementAndGet();
            return 300
                    + plan.weights().stream()
                            .mapToLong(weight -> 100 * weight.quantizer().bits())
                            .sum();
        };

        // When
        var exact = Choice.of(table, candidates, models, Budget.ofBytes(2700), size);
        var narrowed = Choice.of(table, candidates, models, Budget.ofBytes(2000), size);

        // Then
        assertEquals(2700, exact.allocation().bytes(), "a file of exactly the budget keeps it");
        assertEquals(1900, narrowed.allocation().bytes());
        assertEquals(3, asked.get(), "once for the first, twice for the second");
        assertEquals(
                2700,
                Choice.of(table, candidates, models, Budget.none(), size)
                        .allocation()
                        .bytes());
        assertThrows(BadInput.class, () -> Choice.of(table, candidates, models, Budget.ofBytes(1300), size));
        Choice.FileSize growing = (model, plan) -> 2001;
        assertTrue(assertThrows(
                        BadInput.class,
                        () -> Choice.of(new Table(rows, 1000), candidates, models, Budget.ofBytes(2000), growing))
                .getMessage()
                .contains("2000"));
    }

    @Test
    void thePlanOfAnAllocationIsSplicedByWhatLayersRead() {
        // Given: two Gemms that read the same activation, which is quantized for all readers
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 2);
        builder.op("a", "Gemm", "x", builder.normal("u", 1, 2, 2));
        builder.op("b", "Gemm", "x", builder.normal("v", 1, 2, 2));
        builder.op("c", "Relu", "x");
        var model = builder.output("a", DataType.FLOAT, -1, 2)
                .output("b", DataType.FLOAT, -1, 2)
                .output("c", DataType.FLOAT, -1, 2)
                .graph();
        var plans = new HashMap<Width, QuantizationPlan>();
        for (var width : List.of(WIDE, NARROW, MIXED)) {
            plans.put(
                    width,
                    new QuantizationPlan(
                            List.of(new Activation("x", Set.of(), grid(width.activations()), "mse")),
                            List.of(weight("u", "a/Gemm", width), weight("v", "b/Gemm", width))));
        }
        var candidates = new Candidates(WIDE, List.of(WIDE, NARROW, MIXED), plans, Map.of());
        var models = new FloatModels(model, WIDE, Map.of(8, model, 4, model));

        // When
        var narrow = Choice.of(
                new Allocation(Map.of("a/Gemm", NARROW, "b/Gemm", NARROW), .5, 7, 1, 2, .25),
                candidates,
                models,
                (graph, plan) -> 42);

        // Then
        assertEquals(4, narrow.plan().activationOf("x", "a/Gemm").orElseThrow().bits());
        assertEquals(
                new Allocation(Map.of("a/Gemm", NARROW, "b/Gemm", NARROW), .5, 42, 1, 2, .25), narrow.allocation());
        assertEquals(
                8,
                Choice.of(
                                new Allocation(Map.of("a/Gemm", NARROW, "b/Gemm", MIXED), 0, 0, 0, 0, 0),
                                candidates,
                                models,
                                (graph, plan) -> 42)
                        .plan()
                        .activationOf("x", "a/Gemm")
                        .orElseThrow()
                        .bits());
    }

    @Test
    void sensitivitiesAreReadBackTheSameAndOtherFilesRefused() throws Exception {
        // Given
        var table = new Table(
                List.of(new Table.Row(
                        "first",
                        "MatMul",
                        "x",
                        List.of(new Table.Option(WIDE, .1, 800, 3, .5), new Table.Option(NARROW, 1, 400, 1, .25)))),
                12);
        var other = new Table(
                List.of(new Table.Row("second", "Conv", "", List.of(new Table.Option(WIDE, .2, 80, 3, .5)))), 12);
        var all = Sensitivities.join(List.of(new Sensitivities("kl", 64, table), new Sensitivities("kl", 64, other)));

        // When
        all.write(folder.resolve("sensitivities.json"));

        // Then
        assertEquals(all, Sensitivities.read(folder.resolve("sensitivities.json")));
        assertEquals(Map.of("first", Map.of("4/4", 1.0, "8/8", .1), "second", Map.of("8/8", .2)), all.losses());
        assertEquals(
                new Sensitivities(
                        "kl",
                        64,
                        new Table(List.of(table.rows().getFirst(), other.rows().getFirst()), 12)),
                all);
        var file = Files.writeString(folder.resolve("other.json"), "{\"rows\": 3}");
        assertTrue(assertThrows(BadInput.class, () -> Sensitivities.read(file))
                .getMessage()
                .contains("other.json"));
        assertTrue(assertThrows(BadInput.class, () -> Candidates.read(file))
                .getMessage()
                .contains("other.json"));
    }
}
