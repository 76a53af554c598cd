package dev.quantline.onnx.rewrite;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.pattern.NormOutput;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ScaleMigrationTest {
    private static final long SEED = 21;

    private static float[] between(double low, double high, Random random) {
        var values = new float[Networks.WIDTH];
        for (int c = 0; c < values.length; c++) {
            values[c] = (float) (low + (high - low) * random.nextDouble());
        }
        return values;
    }

    /** LayerNormalization of x, read by a MatMul with bias, by a Gemm-shaped MatMul without, and by a residual branch. */
    private static Graph whole(boolean bias) {
        var builder = new GraphBuilder(17, SEED);
        builder.input("x", DataType.FLOAT, -1, -1, Networks.WIDTH);
        String norm = builder.op(
                "norm",
                "LayerNormalization",
                "x",
                builder.between("gamma", .5, 2, Networks.WIDTH),
                builder.between("beta", -1, 1, Networks.WIDTH));
        String product = builder.op("product", "MatMul", norm, builder.normal("w", .3, Networks.WIDTH, Networks.WIDTH));
        String read = bias ? builder.op("read", "Add", product, builder.normal("b", .3, Networks.WIDTH)) : product;
        builder.op("y", "Add", read, norm);
        return builder.output("y", DataType.FLOAT, -1, -1, Networks.WIDTH).graph();
    }

    private static Map<String, Tensor> data() {
        var random = new Random(SEED);
        var values = new float[2 * 5 * Networks.WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Map.of("x", Tensor.of(values, 2, 5, Networks.WIDTH));
    }

    private static Graph migrate(Graph graph, String tensor, float[] ratio, float[] shift) {
        var readers = graph.index().consumers(tensor).stream()
                .filter(node -> node.is("MatMul"))
                .toList();
        return new ScaleMigration(tensor, readers, ratio, shift).apply(graph).graph();
    }

    /** The input of the reader named after {@code product}. */
    private static String migrated(Graph graph) {
        return graph.node("product/MatMul").orElseThrow().input(0);
    }

    @Test
    void movingTheSpreadChangesNothingInFloat() {
        var random = new Random(SEED);
        var ratio = between(.1, 8, random);
        var shift = between(-3, 3, random);
        var transformer = Canonical.of(Networks.transformer(4));
        var tokens = Data.tokens(3, 8, 1);

        assertArrayEquals(
                CanonicalTest.run(whole(true), data()).toFloats(),
                CanonicalTest.run(migrate(whole(true), "norm", ratio, shift), data())
                        .toFloats(),
                1e-4f);
        for (String norm : List.of("embedding.norm", "layer0.attention.norm", "layer1.attention.norm")) {
            assertArrayEquals(
                    CanonicalTest.run(transformer, tokens).toFloats(),
                    CanonicalTest.run(migrate(transformer, norm, ratio, shift), tokens)
                            .toFloats(),
                    1e-4f,
                    norm);
        }
    }

    @Test
    void aNormWhoseMeanAndDeviationAreReadStaysOneNode() {
        // Given: readers of all three outputs, of which the first is only read by a product
        var builder = new GraphBuilder(17, SEED);
        builder.input("x", DataType.FLOAT, -1, -1, Networks.WIDTH);
        builder.graph()
                .nodes()
                .add(Node.of(
                                "LayerNormalization",
                                List.of(
                                        "x",
                                        builder.between("gamma", .5, 2, Networks.WIDTH),
                                        builder.between("beta", -1, 1, Networks.WIDTH)),
                                "norm")
                        .withOutputs(List.of("norm", "mean", "inverse")));
        builder.op(
                "read",
                "Add",
                builder.op("product", "MatMul", "norm", builder.normal("w", .3, Networks.WIDTH, 4)),
                builder.normal("b", 1, 4));
        builder.op("centred", "Mul", builder.op("difference", "Sub", "x", "mean"), "inverse");
        var graph = builder.output("read", DataType.FLOAT, -1, -1, 4)
                .output("centred", DataType.FLOAT, -1, -1, Networks.WIDTH)
                .graph();

        // When
        var prepared = Canonical.of(graph);
        var random = new Random(SEED);
        var migrated = migrate(prepared, "norm", between(.1, 8, random), between(-3, 3, random));

        // Then: the copy for the product needs no statistics; the original outputs them
        assertEquals(
                List.of("norm", "mean", "inverse"),
                prepared.index().producer("norm").orElseThrow().outputs());
        assertEquals(
                List.of(List.of("norm", "mean", "inverse"), List.of("norm/migrated")),
                migrated.nodes().stream()
                        .filter(node -> node.is("LayerNormalization"))
                        .map(Node::outputs)
                        .sorted(Comparator.comparing(List::size, Comparator.reverseOrder()))
                        .toList());
        try (var one = Session.open(graph, Provider.cpu(), Session.Optimization.NONE);
                var other = Session.open(migrated, Provider.cpu(), Session.Optimization.ALL)) {
            var actual = other.run(data());
            one.run(data())
                    .forEach((name, expected) -> assertArrayEquals(
                            expected.toFloats(), actual.get(name).toFloats(), 1e-4f, name));
        }
    }

    @Test
    void onlyTheGivenReadersReadTheMigratedTensor() {
        var result = migrate(whole(true), "norm", between(1, 2, new Random(1)), new float[Networks.WIDTH]);

        var index = result.index();
        assertEquals(
                List.of("product/MatMul"),
                index.consumers(migrated(result)).stream()
                        .map(node -> node.name())
                        .toList());
        assertEquals(
                List.of("norm/migrated/Mul", "y/Add"),
                index.consumers("norm").stream().map(node -> node.name()).toList());
    }

    @Test
    void readersWithoutABiasGetOneForTheShift() {
        // Given: besides a product without a bias, a Gemm that scales its product, and one whose third input is not a
        // bias
        var random = new Random(SEED);
        var builder = new GraphBuilder(17, SEED);
        builder.input("x", DataType.FLOAT, -1, Networks.WIDTH);
        String norm = builder.op(
                "norm",
                "LayerNormalization",
                "x",
                builder.between("gamma", .5, 2, Networks.WIDTH),
                builder.between("beta", -1, 1, Networks.WIDTH));
        builder.op("product", "MatMul", norm, builder.normal("w", .3, Networks.WIDTH, 5));
        builder.op(
                "gemm", "Gemm", Map.of("alpha", .5f, "transB", 1L), norm, builder.normal("v", .3, 5, Networks.WIDTH));
        builder.op(
                "summed",
                "Gemm",
                Map.of("beta", 2f),
                norm,
                builder.normal("u", .3, Networks.WIDTH, 5),
                builder.normal("c", .3, 5));
        var graph = builder.output("product", DataType.FLOAT, -1, 5)
                .output("gemm", DataType.FLOAT, -1, 5)
                .output("summed", DataType.FLOAT, -1, 5)
                .graph();
        var rows = Map.of("x", Tensor.of(data().get("x").toFloats(), 10, Networks.WIDTH));
        var readers = graph.index().consumers(norm);

        // When
        var migrated = new ScaleMigration(norm, readers, between(.2, 5, random), between(-3, 3, random))
                .apply(graph)
                .graph();
        var unshifted = new ScaleMigration(norm, readers, between(.2, 5, random), new float[Networks.WIDTH])
                .apply(graph)
                .graph();

        // Then
        try (var one = Session.open(graph, Provider.cpu(), Session.Optimization.NONE);
                var other = Session.open(migrated, Provider.cpu(), Session.Optimization.NONE)) {
            var actual = other.run(rows);
            one.run(rows)
                    .forEach((name, expected) -> assertArrayEquals(
                            expected.toFloats(), actual.get(name).toFloats(), 1e-4f, name));
        }
        assertFalse(ScaleMigration.shiftsFreely(graph, readers));
        assertTrue(ScaleMigration.shiftsFreely(
                whole(true), List.of(whole(true).index().producer("product").orElseThrow())));
        assertEquals(graph.nodes().size() + 3, migrated.nodes().size());
        assertEquals(graph.nodes().size(), unshifted.nodes().size());
    }

    /** Codes of the migrated tensor at full strength, with the common scale {@code common} and zero point 128. */
    private static long[] codes(double common) {
        var scale = between(.005, .05, new Random(3));
        var zero = between(90, 160, new Random(4));
        var ratio = new float[Networks.WIDTH];
        var shift = new float[Networks.WIDTH];
        for (int c = 0; c < ratio.length; c++) {
            ratio[c] = (float) (scale[c] / common);
            shift[c] = scale[c] * (Math.round(zero[c]) - 128);
        }
        var result = migrate(whole(true), "norm", ratio, shift);
        result.outputs().add(ValueInfos.of(migrated(result), DataType.FLOAT));
        try (var session = Session.open(result, Provider.cpu(), Session.Optimization.NONE)) {
            var moved = session.run(data()).get(migrated(result));
            var codes = new long[moved.size()];
            for (int i = 0; i < codes.length; i++) {
                codes[i] = Math.clamp(Math.round(moved.get(i) / common) + 128, 0, 255);
            }
            return codes;
        }
    }

    @Test
    void atFullStrengthTheCodesDoNotDependOnTheCommonScale() {
        var mean = codes(.0275);
        var median = codes(.01);

        int different = 0;
        for (int i = 0; i < mean.length; i++) {
            assertTrue(Math.abs(mean[i] - median[i]) <= 1);
            different += mean[i] == median[i] ? 0 : 1;
        }
        assertTrue(different <= 1, different + " of " + mean.length + " codes differ by more than a rounding in float");
    }

    @Test
    void normsAreRecognisedWholeAndInPartsAndNothingElseIs() {
        var whole = whole(true).index();
        var parts = Canonical.of(Networks.transformer(4)).index();

        assertTrue(NormOutput.of(whole, "norm").orElseThrow().operator().isPresent());
        assertTrue(NormOutput.of(parts, "layer0.output.norm")
                .orElseThrow()
                .operator()
                .isEmpty());
        for (String other : List.of("layer0.attended", "layer0.gelu", "layer0.query", "words", "layer0.softmax")) {
            assertTrue(NormOutput.of(parts, other).isEmpty(), other);
        }
        assertTrue(NormOutput.of(whole, "x").isEmpty());
    }
}
