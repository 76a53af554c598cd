package dev.quantline.gradient;

import dev.quantline.gradient.rules.Rules;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Compares every row of the gradient table with central finite differences along a random direction, operand by
 * operand: in float64 if ONNX Runtime has the operators in float64, otherwise in float32 with a wider step and
 * tolerance.
 */
class RulesTest {
    private static final long SEED = 20261121;
    /** Straight-through rows are not derivatives: {@link QuantizationRuleTest} checks them. */
    private static final List<String> STRAIGHT_THROUGH = List.of("QuantizeLinear", "DequantizeLinear");

    static Stream<Case> cases() {
        return RuleCases.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void gradientEqualsFiniteDifferences(Case one) {
        try {
            check(one, DataType.DOUBLE, 1e-5, 1e-6);
        } catch (BadInput missing) {
            assertTrue(
                    missing.getMessage().contains("NOT_IMPLEMENTED")
                            || missing.getMessage().contains("NotImplemented")
                            || missing.getMessage().contains("Type Error"),
                    missing.getMessage());
            check(one, DataType.FLOAT, 1e-2, 4e-3);
        }
    }

    private static void check(Case one, DataType type, double step, double tolerance) {
        // Given
        var random = new Random(SEED);
        var operands = one.operands(random);
        var forward = one.graph(type);
        var weights = new LinkedHashMap<String, double[]>();
        try (var session = Session.open(forward, Provider.cpu(), Session.Optimization.NONE)) {
            session.run(tensors(one, operands, type))
                    .forEach((name, tensor) -> weights.put(name, Directions.random(random, tensor.size())));

            // When
            var training = Backward.append(
                    withLoss(one.graph(type), weights, shapes(session, one, operands, type), type),
                    "loss",
                    operands.keySet(),
                    one.results());

            // Then
            try (var backward = Session.open(training.graph(), Provider.cpu(), Session.Optimization.NONE)) {
                var gradients = backward.run(tensors(one, operands, type));
                session.run(tensors(one, operands, type))
                        .forEach((name, tensor) -> assertArrayEquals(
                                Directions.values(tensor),
                                Directions.values(gradients.get(name)),
                                type == DataType.DOUBLE ? 1e-12 : 2e-5,
                                one + ": the outputs stay the same"));
                for (String operand : operands.keySet()) {
                    var gradient = gradients.get(training.gradients().get(operand));
                    assertArrayEquals(one.shape(operand), gradient.shape(), operand);
                    assertEquals(type, gradient.type(), operand);
                    var direction = Directions.random(random, operands.get(operand).length);
                    double numeric = (loss(session, one, operands, operand, direction, step, weights, type)
                                    - loss(session, one, operands, operand, direction, -step, weights, type))
                            / (2 * step);
                    assertEquals(
                            numeric,
                            Directions.dot(gradient, direction),
                            tolerance * (Math.abs(numeric) + 0.2 * Directions.norm(gradient) + 0.02),
                            one + ": gradient of " + operand + ", seed " + SEED + ", " + type);
                }
            }
        }
    }

    private static double loss(
            Session session,
            Case one,
            Map<String, double[]> operands,
            String operand,
            double[] direction,
            double step,
            Map<String, double[]> weights,
            DataType type) {
        var moved = new LinkedHashMap<>(operands);
        moved.put(operand, Directions.moved(operands.get(operand), direction, step));
        var results = session.run(tensors(one, moved, type));
        return weights.entrySet().stream()
                .mapToDouble(entry -> Directions.dot(results.get(entry.getKey()), entry.getValue()))
                .sum();
    }

    private static Map<String, long[]> shapes(
            Session session, Case one, Map<String, double[]> operands, DataType type) {
        return session.run(tensors(one, operands, type)).entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, entry -> entry.getValue().shape()));
    }

    private static Map<String, Tensor> tensors(Case one, Map<String, double[]> operands, DataType type) {
        return operands.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        entry -> Directions.tensor(type, entry.getValue(), one.shape(entry.getKey()))));
    }

    /** Adds the sum of all results, with each element weighted by a random number. */
    private static Graph withLoss(
            Graph graph, Map<String, double[]> weights, Map<String, long[]> shapes, DataType type) {
        var parts = new ArrayList<String>();
        weights.forEach((result, values) -> {
            graph.initializers().put(result + "/weights", Directions.tensor(type, values, shapes.get(result)));
            graph.nodes().add(Node.of("Mul", List.of(result, result + "/weights"), result + "/weighted"));
            graph.nodes()
                    .add(Node.of("ReduceSum", List.of(result + "/weighted"), result + "/sum")
                            .with("keepdims", 0));
            parts.add(result + "/sum");
        });
        graph.nodes().add(Node.of("Sum", parts, "loss"));
        return graph;
    }

    @Test
    void everyRowHasACase() {
        var covered = RuleCases.all().flatMap(one -> one.operators().stream()).collect(Collectors.toSet());
        var missing = new TreeSet<String>();
        Rules.operators().forEach((operator, flows) -> {
            if (flows && !covered.contains(operator) && !STRAIGHT_THROUGH.contains(operator)) {
                missing.add(operator);
            }
        });
        assertEquals(new TreeSet<String>(), missing);
    }

    @Test
    void anOperatorWithoutARuleIsNamedOnlyIfATrainedTensorDependsOnIt() {
        // Given
        var graph = Graph.empty(21);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, 2, 2));
        graph.inputs().add(ValueInfos.of("scale", DataType.FLOAT, new long[0]));
        graph.nodes().add(Node.of("Det", List.of("x"), "odd").withName("the odd one"));
        graph.nodes().add(Node.of("Mul", List.of("odd", "scale"), "product"));
        graph.nodes().add(Node.of("ReduceSum", List.of("product"), "loss").with("keepdims", 0));

        // When
        var failure =
                assertThrows(BadInput.class, () -> Backward.append(graph.copy(), "loss", List.of("x"), List.of()));
        var training = Backward.append(graph.copy(), "loss", List.of("scale"), List.of());

        // Then
        assertTrue(
                failure.getMessage().contains("Det") && failure.getMessage().contains("the odd one"),
                failure.getMessage());
        assertEquals(List.of("scale"), List.copyOf(training.gradients().keySet()));
    }
}
