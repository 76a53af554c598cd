package dev.quantline.gradient;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class TrainingGraphTest {
    private static final long SEED = 4;
    private static final Loss HIDDEN = new Loss.MeanSquared("hidden", "target");

    @Test
    void normsAndGelusWrittenOutBecomeOneOperatorAndComputeTheSame() {
        // Given
        var model = Networks.transformer(SEED);
        var inputs = Data.tokens(3, 7, SEED);

        // When
        var fused = TrainingGraph.forward(model, TestModels.shapes(inputs), List.of(), HIDDEN, List.of("hidden"));

        // Then
        assertEquals(5, count(fused.graph(), "LayerNormalization"));
        assertEquals(2, count(fused.graph(), "Gelu"));
        assertEquals(0, count(fused.graph(), "Erf") + count(fused.graph(), "Sqrt") + count(fused.graph(), "Shape"));
        assertArrayEquals(
                run(model, inputs).get("hidden").toFloats(),
                run(fused.graph(), withTarget(inputs, Tensor.zeros(DataType.FLOAT, 3, 7, Networks.WIDTH)))
                        .get("hidden")
                        .toFloats(),
                1e-4f);
    }

    @Test
    void openSizesGiveTheGradientsOfFixedOnes() {
        // Given
        var model = Networks.transformer(SEED);
        var tokens = Data.tokens(3, 7, SEED);
        var weights = TestModels.weights(model);
        var inputs = withTarget(
                tokens,
                Directions.tensor(
                        DataType.FLOAT,
                        Directions.random(new Random(SEED), 3 * 7 * Networks.WIDTH),
                        3,
                        7,
                        Networks.WIDTH));

        // When
        var fixed = TrainingGraph.of(model, TestModels.shapes(tokens), weights, HIDDEN, List.of());
        var open = TrainingGraph.of(model, Map.of(), weights, HIDDEN, List.of());

        // Then
        weights.forEach(weight -> inputs.put(weight, model.initializers().get(weight)));
        var expected = run(fixed.graph(), inputs);
        var gradients = run(open.graph(), inputs);
        for (String weight : weights) {
            assertArrayEquals(
                    expected.get(fixed.gradients().get(weight)).toFloats(),
                    gradients.get(open.gradients().get(weight)).toFloats(),
                    1e-5f,
                    weight);
        }
    }

    @Test
    void openSizesWithTheSameNumberAreNotCompared() {
        // Given
        var graph = Graph.empty(21);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, -1, 4));
        graph.inputs().add(ValueInfos.of("gate", DataType.FLOAT, -1, -1, 1));
        graph.addConstant("weight", gaussian(4, 4));
        graph.addConstant("bias", gaussian(4));
        graph.nodes().add(Node.of("MatMul", List.of("x", "weight"), "product"));
        graph.nodes().add(Node.of("Add", List.of("product", "bias"), "sum"));
        graph.nodes().add(Node.of("Mul", List.of("sum", "gate"), "gated"));
        graph.nodes().add(Node.of("Add", List.of("gated", "product"), "hidden"));
        graph.outputs().add(ValueInfos.of("hidden", DataType.FLOAT));
        var trained = List.of("weight", "bias");
        var inputs = Map.of(
                "x",
                gaussian(3, 7, 4),
                "gate",
                gaussian(3, 7, 1),
                "target",
                gaussian(3, 7, 4),
                "weight",
                gaussian(4, 4),
                "bias",
                gaussian(4));

        // When
        var sizes = Map.of("x", new long[] {3, -2, 4}, "gate", new long[] {3, -2, 1});
        var numbered = TrainingGraph.of(graph, sizes, trained, HIDDEN, List.of());
        var open = TrainingGraph.of(graph, Map.of(), trained, HIDDEN, List.of());

        // Then
        assertTrue(count(open.graph(), "NonZero") > 0);
        assertEquals(0, count(numbered.graph(), "NonZero"));
        var expected = run(open.graph(), inputs);
        var gradients = run(numbered.graph(), inputs);
        for (String tensor : trained) {
            assertArrayEquals(
                    expected.get(open.gradients().get(tensor)).toFloats(),
                    gradients.get(numbered.gradients().get(tensor)).toFloats(),
                    1e-5f,
                    tensor);
        }
    }

    private static Tensor gaussian(long... shape) {
        return Directions.tensor(DataType.FLOAT, Directions.random(new Random(SEED), (int) Tensor.count(shape)), shape);
    }

    @Test
    void nothingIsComputedForWhatIsNotTrained() {
        var model = Networks.mlp(SEED);
        var loss = new Loss.CrossEntropy("logits", "labels", 0);
        var sizes = Map.of("x", new long[] {4, Networks.FEATURES});
        int forward = TrainingGraph.forward(model, sizes, List.of(), loss, List.of())
                .graph()
                .nodes()
                .size();

        var head = TrainingGraph.of(model, sizes, List.of("head.bias"), loss, List.of());
        var all = TrainingGraph.of(model, sizes, TestModels.weights(model), loss, List.of());

        assertTrue(
                head.graph().nodes().stream()
                        .noneMatch(node ->
                                node.name().startsWith("second") && node.name().contains("gradient")),
                "gradients reach below the head");
        assertTrue(all.graph().nodes().size() > head.graph().nodes().size()
                && head.graph().nodes().size() > forward);
    }

    @Test
    void aTensorTheLossDoesNotDependOnHasGradientZero() {
        var model = Networks.mlp(SEED);
        var training = TrainingGraph.of(
                model,
                Map.of("x", new long[] {2, Networks.FEATURES}),
                List.of("head.weight", "first.bias"),
                new Loss.MeanSquared("first.relu", "target"),
                List.of("first.relu"));
        var inputs = new LinkedHashMap<>(Data.rows(2, SEED));
        inputs.put("target", Tensor.zeros(DataType.FLOAT, 2, 24));
        inputs.putAll(model.initializers());

        var results = run(training.graph(), inputs);

        var zero = results.get(training.gradients().get("head.weight"));
        assertEquals(Tensor.zeros(DataType.FLOAT, 24, Networks.CLASSES), zero);
        assertTrue(Directions.norm(results.get(training.gradients().get("first.bias"))) > 0);
        assertArrayEquals(new long[] {2, 24}, results.get("first.relu").shape());
    }

    @Test
    void theSameModelGivesTheSameGraph() {
        var model = Networks.conv(SEED);
        var sizes = Map.of("image", new long[] {2, 3, Networks.SIDE, Networks.SIDE});
        var loss = new Loss.CrossEntropy("logits", "labels", 0.1);

        var first = TrainingGraph.of(model, sizes, TestModels.weights(model), loss, List.of());
        var second = TrainingGraph.of(model, sizes, TestModels.weights(model), loss, List.of());

        assertEquals(first.graph().toProto(), second.graph().toProto());
    }

    @Test
    void whatCannotBeTrainedIsNamed() {
        var model = Networks.transformer(SEED);

        var unknown = assertThrows(
                BadInput.class, () -> TrainingGraph.of(model, Map.of(), List.of("no such weight"), HIDDEN, List.of()));
        var integers = assertThrows(
                BadInput.class, () -> TrainingGraph.of(model, Map.of(), List.of("input_ids"), HIDDEN, List.of()));

        assertTrue(unknown.getMessage().contains("no such weight"), unknown.getMessage());
        assertTrue(integers.getMessage().contains("input_ids"), integers.getMessage());
    }

    private static long count(Graph graph, String op) {
        return graph.nodes().stream().filter(node -> node.is(op)).count();
    }

    private static Map<String, Tensor> withTarget(Map<String, Tensor> inputs, Tensor target) {
        var all = new LinkedHashMap<>(inputs);
        all.put("target", target);
        return all;
    }

    private static Map<String, Tensor> run(Graph graph, Map<String, Tensor> inputs) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(inputs);
        }
    }
}
