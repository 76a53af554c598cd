package dev.quantline.gradient.train;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** Training through quantize-dequantize pairs in their exported form: weights and scales together, towards the float model. */
class QuantizedTrainingTest {
    private static final int BATCH = 64;
    private static final Provider CPU = Provider.cpu();

    @Test
    void weightsAndScalesLearnToComputeWhatTheFloatModelComputed() {
        // Given
        var model = Networks.mlp(1);
        var trained = new ArrayList<String>();
        var quantized = quantized(model, trained);
        var loss = new Loss.MeanSquared("logits", "target");
        var sizes = Map.of("x", new long[] {BATCH, Networks.FEATURES});
        var groups = List.of(
                new Group(
                        trained.stream().filter(name -> name.endsWith("weight")).toList(), Optimizer.adam(3e-3)),
                new Group(
                        trained.stream().filter(name -> name.endsWith("scale")).toList(), Optimizer.adam(1e-3)));

        try (var reference = Session.open(model, CPU, Session.Optimization.ALL);
                var trainer = new Trainer(
                        TrainingGraph.of(quantized, sizes, trained, loss, List.of()),
                        quantized.initializers(),
                        new Trainer.Settings(groups, Schedule.cosine(200), 0),
                        CPU);
                var heldOut = HeldOut.loss(
                        TrainingGraph.forward(quantized, sizes, trained, loss, List.of()),
                        number -> batch(reference, 5000 + number),
                        8,
                        CPU)) {
            // When
            var run = new Run(trainer, number -> batch(reference, number), heldOut, 200, 50);
            run.advance(() -> false, Progress.none());

            // Then
            double before = run.curve().getFirst().score();
            assertTrue(run.bestScore() < 0.5 * before, "held-out error " + before + " -> " + run.bestScore());
        }
    }

    private static Map<String, Tensor> batch(Session reference, int number) {
        var x = Data.rows(BATCH, number).get("x");
        return Map.of("x", x, "target", reference.run(Map.of("x", x)).get("logits"));
    }

    /** Every weight followed by a pair with 4-bit codes and one scale, which starts at the largest value divided by 7. */
    private static Graph quantized(Graph model, List<String> trained) {
        var graph = model.copy().withOpset("", 21);
        graph.initializers().put("zero", Tensor.zeros(DataType.INT4));
        graph.rewrite(node -> {
            var pairs = new ArrayList<Node>();
            var changed = node;
            for (int i = 0; i < node.inputs().size(); i++) {
                String weight = node.input(i);
                if (weight.endsWith("weight")) {
                    trained.add(weight);
                    trained.add(weight + ".scale");
                    graph.initializers()
                            .put(
                                    weight + ".scale",
                                    Tensor.scalar(largest(model.initializers().get(weight)) / 7));
                    pairs.add(Node.of("QuantizeLinear", List.of(weight, weight + ".scale", "zero"), weight + ".codes"));
                    pairs.add(Node.of(
                            "DequantizeLinear",
                            List.of(weight + ".codes", weight + ".scale", "zero"),
                            weight + ".quantized"));
                    changed = changed.withInput(i, weight + ".quantized");
                }
            }
            pairs.add(changed);
            return pairs;
        });
        return graph;
    }

    private static float largest(Tensor tensor) {
        float largest = 0;
        for (float value : tensor.toFloats()) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }
}
