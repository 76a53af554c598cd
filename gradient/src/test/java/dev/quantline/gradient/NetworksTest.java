package dev.quantline.gradient;

import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/**
 * Whole published networks: the derivative of a loss along a random direction through all weights at once. The tolerance
 * covers float32 and the kinks of ReLU networks; rules are checked precisely, one by one, in {@link RulesTest}.
 */
class NetworksTest {
    private static final long SEED = 7;

    static List<TestModels.Network> networks() throws IOException {
        return TestModels.all();
    }

    @ParameterizedTest
    @MethodSource("networks")
    void directionalDerivativeEqualsFiniteDifferences(TestModels.Network network) throws IOException {
        assumeTrue(network.exists(), network.file() + " is not here");
        // Given
        var random = new Random(SEED);
        var model = network.read();
        var inputs = TestModels.inputs(model, random);
        var weights = TestModels.weights(model);
        var outputs = outputs(model, inputs);
        var terms = outputs.keySet().stream()
                .map(output -> Loss.Term.of(1.0 / outputs.size(), new Loss.MeanSquared(output, output + "/target")))
                .toList();
        outputs.forEach((output, value) -> inputs.put(output + "/target", noisy(value, random)));

        // When
        var training = TrainingGraph.of(model, TestModels.shapes(inputs), weights, new Loss.Sum(terms), List.of());
        var forward = TrainingGraph.forward(model, TestModels.shapes(inputs), weights, new Loss.Sum(terms), List.of());

        // Then
        var values = new LinkedHashMap<String, Tensor>(inputs);
        weights.forEach(weight -> values.put(weight, model.initializers().get(weight)));
        try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.ALL);
                var lossAlone = Session.open(forward.graph(), Provider.cpu(), Session.Optimization.ALL)) {
            var gradients = session.run(values);
            check(network, lossAlone, training, values, weights, gradients);
        }
    }

    /** Moves along a direction of the same relative size everywhere, a mixture of the gradient's sign and random signs. */
    private static void check(
            TestModels.Network network,
            Session session,
            TrainingGraph training,
            Map<String, Tensor> values,
            List<String> weights,
            Map<String, Tensor> gradients) {
        var random = new Random(SEED + 1);
        var directions = new LinkedHashMap<String, float[]>();
        double analytic = 0;
        for (String weight : weights) {
            var gradient = gradients.get(training.gradients().get(weight));
            double scale = Directions.norm(values.get(weight))
                            / Math.sqrt(values.get(weight).size())
                    + 1e-6;
            var slopes = gradient.toFloats();
            var direction = new float[slopes.length];
            for (int i = 0; i < direction.length; i++) {
                direction[i] = (float) (scale * (random.nextDouble(-1, 1) + 0.5 * Math.signum(slopes[i])));
                analytic += (double) slopes[i] * direction[i];
            }
            directions.put(weight, direction);
        }
        double loss = gradients.get(training.loss()).get(0);
        double numeric =
                slope(session, training, values, directions, Math.min(2e-3, 0.003 * loss / Math.abs(analytic)));
        assertEquals(numeric, analytic, 0.05 * Math.abs(numeric), network + ", seed " + SEED);
    }

    /** Central difference with the step for which curvature (estimated by halving it) and float32 rounding add up to the least error. */
    private static double slope(
            Session session,
            TrainingGraph training,
            Map<String, Tensor> values,
            Map<String, float[]> directions,
            double largestStep) {
        double best = Double.NaN;
        double least = Double.MAX_VALUE;
        double last = Double.NaN;
        for (double step = largestStep; step > largestStep / 500; step /= 4) {
            double above = loss(session, training, values, directions, step);
            double estimate = (above - loss(session, training, values, directions, -step)) / (2 * step);
            double error = Math.abs(estimate - last) + Math.abs(above) * 1e-7 / step;
            if (error < least) {
                least = error;
                best = estimate;
            }
            last = estimate;
        }
        return best;
    }

    private static double loss(
            Session session,
            TrainingGraph training,
            Map<String, Tensor> values,
            Map<String, float[]> directions,
            double step) {
        var moved = new LinkedHashMap<>(values);
        directions.forEach((weight, direction) -> {
            var to = values.get(weight).toFloats();
            for (int i = 0; i < direction.length; i++) {
                to[i] += (float) step * direction[i];
            }
            moved.put(weight, Tensor.of(to, values.get(weight).shape()));
        });
        return session.run(moved, List.of(training.loss())).get(training.loss()).get(0);
    }

    private static Map<String, Tensor> outputs(Graph model, Map<String, Tensor> inputs) {
        var floating = new LinkedHashMap<String, Tensor>();
        try (var session = Session.open(model, Provider.cpu(), Session.Optimization.ALL)) {
            session.run(inputs).forEach((name, tensor) -> {
                if (tensor.type() == DataType.FLOAT) {
                    floating.put(name, tensor);
                }
            });
        }
        return floating;
    }

    private static Tensor noisy(Tensor value, Random random) {
        var target = Tensor.zeros(DataType.FLOAT, value.shape());
        double scale = Directions.norm(value) / Math.sqrt(value.size()) + 1e-3;
        for (int i = 0; i < value.size(); i++) {
            target.floats().put(i, (float) (value.get(i) + scale * random.nextGaussian()));
        }
        return target;
    }
}
