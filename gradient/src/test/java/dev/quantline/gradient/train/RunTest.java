package dev.quantline.gradient.train;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RunTest {
    private static final int BATCH = 16;
    private static final Loss LOSS = new Loss.MeanSquared("y", "target");
    private static final Map<String, Tensor> INITIAL = Map.of("w", noise(1, 4, 3), "b", Tensor.vector(0f, 0f, 0f));

    @TempDir
    private Path folder;

    static List<Optimizer> optimizers() {
        return List.of(
                Optimizer.adam(0.05), Optimizer.adamW(0.05, 0.001), Optimizer.sgd(0.1, 0.9), Optimizer.sgd(0.3, 0));
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void everyOptimizerLearnsALinearMap(Optimizer optimizer) {
        try (var trainer = trainer(optimizer, 0)) {
            var run = new Run(trainer, RunTest::batch, RunTest::distance, 300, 50);

            boolean finished = run.advance(() -> false, Progress.none());

            assertTrue(finished);
            assertEquals(7, run.curve().size());
            assertTrue(run.bestScore() < 0.02, optimizer + " ends at " + run.bestScore());
        }
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void aRunKilledAndResumedGivesTheSameBytes(Optimizer optimizer) throws IOException {
        // Given
        Map<String, Tensor> unbroken;
        try (var trainer = trainer(optimizer, 1)) {
            var run = new Run(trainer, RunTest::batch, RunTest::distance, 20, 8);
            run.advance(() -> false, Progress.none());
            unbroken = trainer.copies();
            var whole = run.curve();

            // When
            try (var first = trainer(optimizer, 1)) {
                var part = new Run(first, RunTest::batch, RunTest::distance, 20, 8);
                part.advance(() -> first.steps() == 11, Progress.none());
                part.save(folder.resolve("checkpoint.npz"));
            }
            try (var second = trainer(optimizer, 1)) {
                var rest = new Run(second, RunTest::batch, RunTest::distance, 20, 8);
                rest.restore(folder.resolve("checkpoint.npz"));
                rest.advance(() -> false, Progress.none());

                // Then
                assertEquals(unbroken, second.copies());
                assertEquals(whole, rest.curve());
                assertEquals(run.best(), rest.best());
            }
        }
    }

    @Test
    void heldOutLossIsTheMeanOverItsBatches() {
        var forward =
                TrainingGraph.forward(model(), Map.of("x", new long[] {BATCH, 4}), List.of("w", "b"), LOSS, List.of());
        try (var heldOut = HeldOut.loss(forward, RunTest::batch, 2, Provider.cpu());
                var trainer = trainer(Optimizer.sgd(0, 0), 0)) {
            double mean = (trainer.step(batch(0)) + trainer.step(batch(1))) / 2;

            assertEquals(mean, heldOut.score(INITIAL), 1e-6);
        }
    }

    @Test
    void theBestValuesAreKeptWhenLaterOnesAreWorse() {
        try (var trainer = trainer(Optimizer.sgd(0.1, 0), 0)) {
            // Given: held-out data that disagrees with training data after the start
            var run = new Run(trainer, RunTest::batch, values -> values.equals(INITIAL) ? 0 : 1, 10, 5);

            run.advance(() -> false, Progress.none());

            assertEquals(INITIAL, run.best());
            assertFalse(trainer.copies().equals(INITIAL));
        }
    }

    @Test
    void theStartIsKeptWhereHeldOutDataTellsNothing() {
        for (double score : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
            try (var trainer = trainer(Optimizer.sgd(0.1, 0), 0)) {
                var run = new Run(trainer, RunTest::batch, values -> score, 10, 5);

                run.advance(() -> false, Progress.none());

                assertEquals(INITIAL, run.best());
            }
        }
    }

    @Test
    void aLossThatIsNotFiniteEndsTheRunWithTheBestSoFar() {
        try (var trainer = trainer(Optimizer.sgd(0.1, 0), 0)) {
            var run = new Run(
                    trainer,
                    number -> number < 3
                            ? batch(number)
                            : Map.of("x", Tensor.of(fill(Float.NaN), BATCH, 4), "target", noise(2, BATCH, 3)),
                    RunTest::distance,
                    10,
                    1);

            run.advance(() -> false, Progress.none());

            assertTrue(run.diverged() && run.isFinished());
            assertEquals(3, trainer.steps());
            assertTrue(Double.isFinite(run.bestScore()));
        }
    }

    private static float[] fill(float value) {
        var values = new float[BATCH * 4];
        Arrays.fill(values, value);
        return values;
    }

    @Test
    void cancellationStopsBetweenTwoSteps() {
        try (var trainer = trainer(Optimizer.sgd(0.1, 0), 0)) {
            var run = new Run(trainer, RunTest::batch, RunTest::distance, 10, 5);

            assertThrows(
                    CancellationException.class,
                    () -> run.advance(() -> false, (fraction, message) -> {
                        if (fraction >= 0.3) {
                            throw new CancellationException("enough");
                        }
                    }));

            assertEquals(3, trainer.steps());
            assertTrue(run.advance(() -> false, Progress.none()));
        }
    }

    @Test
    void clippingBoundsTheNormOfAllGradientsTogether() {
        try (var free = trainer(Optimizer.sgd(1, 0), 0);
                var clipped = trainer(Optimizer.sgd(1, 0), 0.01)) {
            free.step(batch(0));
            clipped.step(batch(0));

            double moved = Math.sqrt(distanceSquared(clipped.values(), INITIAL));
            // With a warm-up over two steps, the first has a third of the rate.
            assertEquals(0.01 / 3, moved, 1e-6);
            assertTrue(Math.sqrt(distanceSquared(free.values(), INITIAL)) > 0.1);
        }
    }

    @Test
    void groupsHaveRatesOfTheirOwnAndWeightDecayIsDecoupled() {
        var groups = List.of(
                new Group(List.of("w"), Optimizer.adamW(0.5, 0.1)), new Group(List.of("b"), Optimizer.sgd(0, 0)));
        try (var trainer = new Trainer(
                graph(), INITIAL, new Trainer.Settings(groups, new Schedule.Constant(), 0), Provider.cpu())) {
            trainer.step(batch(0));

            // The first Adam step has the length of the rate, whatever the gradient.
            for (int i = 0; i < 12; i++) {
                double shrunk = INITIAL.get("w").get(i) * (1 - 0.5 * 0.1);
                assertEquals(0.5, Math.abs(trainer.values().get("w").get(i) - shrunk), 1e-4);
            }
            assertEquals(INITIAL.get("b"), trainer.copies().get("b"));
        }
    }

    @ParameterizedTest
    @MethodSource("still")
    void aRateOfZeroLeavesATensorAsItIs(Optimizer still) {
        try (var trainer = trainer(still, 0)) {
            for (int step = 0; step < 20; step++) {
                trainer.step(batch(step));
            }
            assertEquals(INITIAL, trainer.copies());
        }
    }

    static List<Optimizer> still() {
        return List.of(Optimizer.adam(0), Optimizer.adamW(0, 0.1), Optimizer.sgd(0, 0.9), Optimizer.sgd(0, 0));
    }

    @Test
    void everySingleNumberIsTrainedWhereverItLies() {
        var model = Graph.empty(17);
        model.inputs().add(ValueInfos.of("x", DataType.FLOAT, 2));
        var names = List.of("a", "b", "c", "d");
        String sum = "x";
        for (String name : names) {
            model.initializers().put(name, Tensor.scalar(0));
            model.nodes().add(Node.of("Add", List.of(sum, name), "with_" + name));
            sum = "with_" + name;
        }
        model.outputs().add(ValueInfos.of(sum, DataType.FLOAT, 2));
        var training = TrainingGraph.of(model, Map.of(), names, new Loss.MeanSquared(sum, "target"), List.of());
        var settings = new Trainer.Settings(List.of(new Group(names, Optimizer.adam(0.5))), new Schedule.Constant(), 0);
        try (var trainer = new Trainer(training, model.initializers(), settings, Provider.cpu())) {
            trainer.step(Map.of("x", Tensor.vector(1f, 2f), "target", Tensor.vector(0f, 0f)));

            names.forEach(name -> assertEquals(-0.5, trainer.values().get(name).get(0), 1e-4, name));
        }
    }

    @Test
    void aTensorInTwoGroupsIsRefused() {
        var groups =
                List.of(new Group(List.of("w"), Optimizer.adam(1)), new Group(List.of("w", "b"), Optimizer.adam(1)));

        var failure = assertThrows(
                BadInput.class,
                () -> new Trainer(
                        graph(), INITIAL, new Trainer.Settings(groups, new Schedule.Constant(), 0), Provider.cpu()));

        assertTrue(failure.getMessage().contains("'w'"));
    }

    @Test
    void schedulesWarmUpAndFallAlongACosine() {
        var schedule = new Schedule.Cosine(4, 14, 0.1);

        assertEquals(0.2, schedule.factor(0), 1e-12);
        assertEquals(0.8, schedule.factor(3), 1e-12);
        assertEquals(1, schedule.factor(4), 1e-12);
        assertEquals(0.55, schedule.factor(9), 1e-12);
        assertEquals(0.1, schedule.factor(14), 1e-12);
        assertEquals(0.1, schedule.factor(99), 1e-12);
    }

    private static Trainer trainer(Optimizer optimizer, double clip) {
        var groups = List.of(new Group(List.of("w", "b"), optimizer));
        return new Trainer(
                graph(),
                INITIAL,
                new Trainer.Settings(groups, new Schedule.Cosine(2, 300, 0.05), clip),
                Provider.cpu());
    }

    private static TrainingGraph graph() {
        return TrainingGraph.of(model(), Map.of("x", new long[] {BATCH, 4}), List.of("w", "b"), LOSS, List.of());
    }

    private static Graph model() {
        var model = Graph.empty(17);
        model.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, 4));
        model.initializers().putAll(INITIAL);
        model.nodes().add(Node.of("Gemm", List.of("x", "w", "b"), "y"));
        model.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1, 3));
        return model;
    }

    /** Rows of noise and the outputs of the true map for them. */
    private static Map<String, Tensor> batch(int number) {
        var x = noise(100 + number, BATCH, 4);
        var y = Tensor.zeros(DataType.FLOAT, BATCH, 3);
        for (int row = 0; row < BATCH; row++) {
            for (int i = 0; i < 3; i++) {
                double sum = 0.5 * i;
                for (int k = 0; k < 4; k++) {
                    sum += x.get(row * 4 + k) * truth(k, i);
                }
                y.floats().put(row * 3 + i, (float) sum);
            }
        }
        return Map.of("x", x, "target", y);
    }

    private static double truth(int k, int i) {
        return Math.sin(3 * k + i);
    }

    /** Distance of the values from the true map. */
    private static double distance(Map<String, Tensor> values) {
        double sum = 0;
        for (int k = 0; k < 4; k++) {
            for (int i = 0; i < 3; i++) {
                sum += Math.pow(values.get("w").get(k * 3 + i) - truth(k, i), 2);
            }
        }
        return Math.sqrt(sum);
    }

    private static double distanceSquared(Map<String, Tensor> a, Map<String, Tensor> b) {
        double sum = 0;
        for (String name : a.keySet()) {
            for (int i = 0; i < a.get(name).size(); i++) {
                sum += Math.pow(a.get(name).get(i) - b.get(name).get(i), 2);
            }
        }
        return sum;
    }

    private static Tensor noise(long seed, long... shape) {
        var random = new Random(seed);
        var tensor = Tensor.zeros(DataType.FLOAT, shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.floats().put(i, (float) random.nextGaussian());
        }
        return tensor;
    }
}
