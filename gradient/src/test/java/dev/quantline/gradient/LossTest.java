package dev.quantline.gradient;

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

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Compares losses with their definitions, and their gradients with finite differences. */
class LossTest {
    private static final long SEED = 3;
    private final Random random = new Random(SEED);

    @Test
    void meanSquared() {
        var values = tensor(2, 3);
        var target = tensor(2, 3);

        double loss = check(new Loss.MeanSquared("y", "target"), values, Map.of("target", target));

        double expected = 0;
        for (int i = 0; i < 6; i++) {
            expected += Math.pow(values.get(i) - target.get(i), 2) / 6;
        }
        assertEquals(expected, loss, 1e-6);
    }

    @Test
    void meanAbsoluteAndHuber() {
        var values = Tensor.of(new float[] {1, 2, 3, -4}, 2, 2);
        var target = Tensor.of(new float[] {1.5f, 4, 2.75f, -1}, 2, 2);

        double absolute = check(new Loss.MeanAbsolute("y", "target"), values, Map.of("target", target));
        double huber = check(new Loss.Huber("y", "target", 1), values, Map.of("target", target));

        assertEquals((0.5 + 2 + 0.25 + 3) / 4, absolute, 1e-6);
        assertEquals((0.125 + 1.5 + 0.03125 + 2.5) / 4, huber, 1e-6);
    }

    @Test
    void crossEntropyWithAndWithoutSmoothing() {
        var logits = tensor(3, 4);
        var labels = Tensor.vector(2L, 0L, 3L);

        double plain = check(new Loss.CrossEntropy("y", "labels", 0), logits, Map.of("labels", labels));
        double smooth = check(new Loss.CrossEntropy("y", "labels", 0.1), logits, Map.of("labels", labels));

        double chosen = 0;
        double even = 0;
        for (int row = 0; row < 3; row++) {
            for (int label = 0; label < 4; label++) {
                even -= logProbability(logits, row, label, 1) / 12;
            }
            chosen -= logProbability(logits, row, (int) labels.get(row), 1) / 3;
        }
        assertEquals(chosen, plain, 1e-6);
        assertEquals(0.9 * chosen + 0.1 * even, smooth, 1e-6);
    }

    private static double logProbability(Tensor logits, int row, int label, double temperature) {
        double sum = 0;
        for (int i = 0; i < logits.dim(1); i++) {
            sum += Math.exp(logits.get(row * logits.dim(1) + i) / temperature);
        }
        return logits.get(row * logits.dim(1) + label) / temperature - Math.log(sum);
    }

    @Test
    void distillation() {
        var logits = tensor(2, 5);
        var teacher = tensor(2, 5);

        double loss = check(new Loss.Distillation("y", "teacher", 2), logits, Map.of("teacher", teacher));
        double equal = check(new Loss.Distillation("y", "teacher", 2), logits, Map.of("teacher", logits));

        double expected = 0;
        for (int row = 0; row < 2; row++) {
            for (int i = 0; i < 5; i++) {
                double target = logProbability(teacher, row, i, 2);
                expected += Math.exp(target) * (target - logProbability(logits, row, i, 2)) * 4 / 2;
            }
        }
        assertEquals(expected, loss, 1e-6);
        assertEquals(0, equal, 1e-6);
    }

    @Test
    void cosineOfPairsOfMaskedMeans() {
        var embeddings = tensor(4, 3, 5);
        var mask = Tensor.of(new long[] {1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 0}, 4, 3);
        var scores = Tensor.vector(0.5f, -0.25f);

        double loss = check(
                new Loss.CosinePairs("y", "mask", "scores"),
                embeddings,
                Map.of("mask", mask, "scores", scores),
                "mask");

        double expected = 0;
        for (int pair = 0; pair < 2; pair++) {
            var a = pooled(embeddings, mask, 2 * pair);
            var b = pooled(embeddings, mask, 2 * pair + 1);
            double cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
            expected += Math.pow(cosine - scores.get(pair), 2) / 2;
        }
        assertEquals(expected, loss, 1e-6);
    }

    @Test
    void pairsOfOpenSizesAreJudgedAsThoseOfFixedOnes() {
        var embeddings = tensor(4, 3, 5);
        var loss = new Loss.CosinePairs("y", "mask", "scores");
        var inputs = Map.of(
                "mask",
                Tensor.of(new long[] {1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 0}, 4, 3),
                "scores",
                Tensor.vector(0.5f, -0.25f));
        double fixed = check(loss, embeddings, inputs, "mask");
        var graph = identity(embeddings, "mask");
        graph.inputs().clear();
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, -1, 5));
        graph.inputs().add(ValueInfos.of("mask", DataType.INT64, -1, -1));
        graph.outputs().clear();
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1, -1, 5));

        var open = TrainingGraph.forward(graph, Map.of(), List.of(), loss, List.of());

        try (var session = Session.open(open.graph(), Provider.cpu(), Session.Optimization.ALL)) {
            var all = new LinkedHashMap<>(inputs);
            all.put("x", embeddings);
            assertEquals(fixed, session.run(all).get(open.loss()).get(0), 1e-6);
        }
    }

    private static double[] pooled(Tensor embeddings, Tensor mask, int row) {
        var mean = new double[5];
        double count = 0;
        for (int token = 0; token < 3; token++) {
            count += mask.get(row * 3 + token);
        }
        for (int token = 0; token < 3; token++) {
            for (int i = 0; i < 5; i++) {
                mean[i] += mask.get(row * 3 + token) * embeddings.get((row * 3 + token) * 5 + i) / count;
            }
        }
        return mean;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    @Test
    void nextTokenLooksOneAhead() {
        var logits = tensor(1, 3, 4);
        var tokens = Tensor.of(new long[] {3, 1, 2}, 1, 3);

        double loss = check(new Loss.NextToken("y", "tokens"), logits, Map.of("tokens", tokens), "tokens");

        var rows = logits.reshape(3, 4);
        assertEquals(-(logProbability(rows, 0, 1, 1) + logProbability(rows, 1, 2, 1)) / 2, loss, 1e-6);
    }

    @Test
    void outliersAreNothingInsideTheWidthAndSquaredBeyond() {
        var values = Tensor.of(new float[] {0, 1, -1, 5, -7, 2}, 2, 3);

        double inside =
                check(new Loss.Outliers("y", "statistics"), values, Map.of("statistics", Tensor.vector(0f, 8f, 4f)));
        double beyond =
                check(new Loss.Outliers("y", "statistics"), values, Map.of("statistics", Tensor.vector(0f, 4f, 4f)));

        assertEquals(0, inside);
        assertEquals((1 + 9) / (2 * 4.0), beyond, 1e-6);
    }

    @Test
    void sumsOfWeightedTermsThatShareATargetAndTakeAWeightFromOutside() {
        var values = tensor(2, 2);
        var target = tensor(2, 2);
        var first = new Loss.MeanSquared("y", "target");
        var second = new Loss.MeanAbsolute("y", "target");

        double loss = check(
                new Loss.Sum(List.of(Loss.Term.of(0.5, first), new Loss.Term(2, "balance", second))),
                values,
                Map.of("target", target, "balance", Tensor.scalar(3)));

        double squared = check(first, values, Map.of("target", target));
        double absolute = check(second, values, Map.of("target", target));
        assertEquals(0.5 * squared + 6 * absolute, loss, 1e-5);
    }

    @Test
    void aTensorThatTheModelDoesNotComputeIsNamed() {
        var failure = assertThrows(
                BadInput.class,
                () -> TrainingGraph.of(
                        identity(Tensor.vector(1f)),
                        Map.of(),
                        List.of("x"),
                        new Loss.MeanSquared("missing", "target"),
                        List.of()));

        assertTrue(failure.getMessage().contains("missing"), failure.getMessage());
    }

    private Tensor tensor(long... shape) {
        var tensor = Tensor.zeros(DataType.FLOAT, shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.floats().put(i, (float) random.nextGaussian());
        }
        return tensor;
    }

    private static Graph identity(Tensor x, String... integers) {
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, x.shape()));
        for (String integer : integers) {
            graph.inputs().add(ValueInfos.of(integer, DataType.INT64, x.shape()[0], x.shape()[1]));
        }
        graph.nodes().add(Node.of("Identity", List.of("x"), "y"));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, x.shape()));
        return graph;
    }

    /** The loss of a model whose output y is its input x, after checking the gradient along a random direction. */
    private double check(Loss loss, Tensor x, Map<String, Tensor> targets, String... modelInputs) {
        var training = TrainingGraph.of(identity(x, modelInputs), Map.of(), List.of("x"), loss, List.of());
        try (var session = Session.open(training.graph(), Provider.cpu(), Session.Optimization.ALL)) {
            var inputs = new LinkedHashMap<>(targets);
            inputs.put("x", x);
            var results = session.run(inputs);
            var direction = Directions.random(random, x.size());
            double analytic = Directions.dot(results.get(training.gradients().get("x")), direction);
            double above = at(session, training, inputs, x, direction, 1e-2);
            double below = at(session, training, inputs, x, direction, -1e-2);
            assertEquals((above - below) / 2e-2, analytic, 1e-3 * (1 + Math.abs(analytic)), loss + ", seed " + SEED);
            return results.get(training.loss()).get(0);
        }
    }

    private static double at(
            Session session,
            TrainingGraph training,
            Map<String, Tensor> inputs,
            Tensor x,
            double[] direction,
            double step) {
        var moved = new LinkedHashMap<>(inputs);
        var values = x.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] += (float) (step * direction[i]);
        }
        moved.put("x", Tensor.of(values, x.shape()));
        return session.run(moved).get(training.loss()).get(0);
    }
}
