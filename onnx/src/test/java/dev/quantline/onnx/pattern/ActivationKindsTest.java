package dev.quantline.onnx.pattern;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.Canonical;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.rewrite.ScaleMigration;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ActivationKindsTest {
    private static ActivationKind kind(Graph graph, String tensor) {
        return new ActivationKinds(graph.index()).kindOf(tensor);
    }

    private static float[] run(Graph graph, Tensor x) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(Map.of("x", x)).get("z").toFloats();
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyExportersHabitIsRecognisedAtEveryOpset(ExporterPatterns habit) {
        for (int opset : Stream.of(7, 9, 11, 13, 17, 20, 21)
                .filter(version -> version >= habit.since)
                .toList()) {
            assertEquals(habit.kind, kind(Canonical.of(habit.graph(opset)), "y"), "opset " + opset);
        }
    }

    @ParameterizedTest
    @EnumSource
    void normsGiveTheirChannelSpreadToTheirReaders(ExporterPatterns habit) {
        if (habit.kind != ActivationKind.LAYERNORM && habit.kind != ActivationKind.RMSNORM) {
            return;
        }
        // Given
        var graph = Canonical.of(habit.graph(habit.since));
        var readers = graph.nodes().stream().filter(node -> node.is("MatMul")).toList();
        var ratio = new float[] {.25f, .5f, 1, 2, 4, 3, .1f, 7};
        var random = new Random(3);
        var x = Tensor.of(new float[80], 2, 5, 8);
        for (var values = x.floats(); values.hasRemaining(); ) {
            values.put((float) random.nextGaussian());
        }

        // When
        var moved = new ScaleMigration("y", readers, ratio, new float[8])
                .apply(graph)
                .graph();

        // Then
        assertTrue(NormOutput.of(graph.index(), "y").isPresent());
        assertEquals(
                habit.kind,
                kind(moved, moved.node(readers.getFirst().name()).orElseThrow().input(0)));
        assertArrayEquals(run(graph, x), run(moved, x), 1e-4f);
    }

    @Test
    void aTransformersSitesAreNamed() {
        var kinds = new ActivationKinds(
                PreparedModel.prepare(Networks.transformer(1)).index());

        Map.of(
                        "layer0.softmax",
                        ActivationKind.SOFTMAX,
                        "layer0.query.heads",
                        ActivationKind.ATTENTION,
                        "layer1.value.heads",
                        ActivationKind.ATTENTION,
                        "layer0.merged",
                        ActivationKind.CONTEXT,
                        "layer0.attention.norm",
                        ActivationKind.LAYERNORM,
                        "layer0.gelu",
                        ActivationKind.GELU,
                        "layer1.attended",
                        ActivationKind.RESIDUAL,
                        "embedded",
                        ActivationKind.EMBEDDING,
                        "layer0.up",
                        ActivationKind.LINEAR)
                .forEach((tensor, kind) -> assertEquals(kind, kinds.kindOf(tensor), tensor));
    }

    @Test
    void aConvolutionalNetworksSitesAreNamed() {
        var kinds = new ActivationKinds(PreparedModel.prepare(Networks.conv(1)).index());

        Map.of(
                        "image",
                        ActivationKind.INPUT,
                        "stem.relu",
                        ActivationKind.CONV,
                        "block.b.norm",
                        ActivationKind.CONV,
                        "block.out",
                        ActivationKind.RESIDUAL,
                        "pool",
                        ActivationKind.RESIDUAL,
                        "wide.relu",
                        ActivationKind.CONV,
                        "flat",
                        ActivationKind.CONV,
                        "logits",
                        ActivationKind.LINEAR)
                .forEach((tensor, kind) -> assertEquals(kind, kinds.kindOf(tensor), tensor));
    }

    @Test
    void gatesJoinsAndUnknownOperatorsAreTold() {
        // Given: squeeze-and-excite, concatenated branches, and a convolution with its own sigmoid
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 2, 4, 4);
        builder.op("a", "Conv", "x", builder.normal("wa", 1, 4, 2, 1, 1));
        builder.op("b", "Conv", "x", builder.normal("wb", 1, 4, 2, 1, 1));
        builder.op(
                "excited", "Mul", "a", builder.op("scale", "Sigmoid", builder.op("pooled", "GlobalAveragePool", "b")));
        builder.op("swish", "Mul", "a", builder.op("own", "Sigmoid", "a"));
        builder.op("joined", "Concat", Map.of("axis", 1L), "a", "b");
        builder.op("mixed", "Concat", Map.of("axis", 1L), "a", "x");
        builder.op("sine", "Sin", "a");
        var graph = builder.graph();

        // Then
        var expected = List.of(
                ActivationKind.GATE,
                ActivationKind.SILU,
                ActivationKind.CONV,
                ActivationKind.OTHER,
                ActivationKind.OTHER);
        assertEquals(
                expected,
                Stream.of("excited", "swish", "joined", "mixed", "sine")
                        .map(tensor -> kind(graph, tensor))
                        .toList());
    }

    @Test
    void attentionScalesAndProductsThatAreNoNormAreLeftAlone() {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, 8);
        String size = builder.op("number", "Cast", Map.of("to", 1L), builder.op("shape", "Shape", "x"));
        builder.op("scaled", "Div", "x", builder.op("root", "Sqrt", size));
        builder.op("product", "Mul", "x", builder.normal("w", 1, 8));

        for (String tensor : Arrays.asList("scaled", "product")) {
            assertTrue(NormOutput.of(builder.graph().index(), tensor).isEmpty(), tensor);
            assertTrue(NormOutput.kindOf(builder.graph().index(), tensor).isEmpty(), tensor);
        }
    }
}
