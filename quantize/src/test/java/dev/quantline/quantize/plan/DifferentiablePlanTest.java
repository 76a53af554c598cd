package dev.quantline.quantize.plan;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * What a plan writes is what tuning differentiates through. Every scale has a gradient; it may be 0 where values that are
 * already on a grid are quantized with the same grid again.
 */
class DifferentiablePlanTest {
    static Stream<Arguments> networks() {
        return IntStream.of(8, 4)
                .boxed()
                .flatMap(bits -> Stream.of(
                        Arguments.of(bits, Networks.mlp(1), Data.rows(5, 1)),
                        Arguments.of(bits, Networks.conv(2), Data.images(3, 1)),
                        Arguments.of(bits, Networks.transformer(3), Data.tokens(4, 9, 1))));
    }

    @ParameterizedTest
    @MethodSource("networks")
    void everyScaleHasAGradient(int bits, Graph network, Map<String, Tensor> data) {
        // Given
        var model = PreparedModel.prepare(network);
        var quantized = Grids.plan(model, bits, -6, 6).applyTo(model);
        var scales = quantized.nodes().stream()
                .filter(node -> node.is("DequantizeLinear", "QuantizeLinear"))
                .map(node -> node.input(1))
                .distinct()
                .toList();
        var weights = quantized.nodes().stream()
                .filter(node ->
                        node.is("DequantizeLinear") && quantized.initializers().containsKey(node.input(0)))
                .map(node -> node.input(1))
                .toList();
        String output = model.outputs().getFirst().getName();
        var sizes = new LinkedHashMap<String, long[]>();
        data.forEach((name, tensor) -> sizes.put(name, tensor.shape()));

        // When
        var training =
                TrainingGraph.of(quantized, sizes, scales, new Loss.MeanSquared(output, "target"), List.of(output));

        // Then
        var inputs = new LinkedHashMap<>(data);
        inputs.putAll(quantized.initializers());
        inputs.put(
                "target",
                Tensor.zeros(DataType.FLOAT, run(model, data).get(output).shape()));
        var results = run(training.graph(), inputs);
        for (String scale : scales) {
            double largest = 0;
            for (float value : results.get(training.gradients().get(scale)).toFloats()) {
                largest = Math.max(largest, Math.abs(value));
            }
            boolean ofWeights = weights.contains(scale);
            assertTrue(
                    Double.isFinite(largest) && (largest > 0 || !ofWeights), "gradient of " + scale + " is " + largest);
        }
    }

    private static Map<String, Tensor> run(Graph graph, Map<String, Tensor> inputs) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            return session.run(inputs);
        }
    }
}
