package dev.quantline.gradient.train;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What a run reports. Nothing moves (rate 0) and y = 0, so that the loss of batch n, whose target is n + 1, is (n + 1)^2. */
class RunReportTest {
    private static final BooleanSupplier NEVER = () -> false;

    @TempDir
    private Path folder;

    private static Trainer trainer() {
        var model = Graph.empty(17);
        model.inputs().add(ValueInfos.of("x", DataType.FLOAT, 1));
        model.initializers().put("w", Tensor.vector(0f));
        model.nodes().add(Node.of("Mul", List.of("x", "w"), "y"));
        model.outputs().add(ValueInfos.of("y", DataType.FLOAT, 1));
        var graph = TrainingGraph.of(model, Map.of(), List.of("w"), new Loss.MeanSquared("y", "target"), List.of());
        var settings =
                new Trainer.Settings(List.of(new Group(List.of("w"), Optimizer.sgd(0, 0))), new Schedule.Constant(), 0);
        return new Trainer(graph, model.initializers(), settings, Provider.cpu());
    }

    private static Map<String, Tensor> batch(int number) {
        return Map.of("x", Tensor.vector(1f), "target", Tensor.vector(number + 1f));
    }

    /** Held-out scores 10, 9, 8, ... */
    private static HeldOut falling() {
        var asked = new int[1];
        return values -> 10 - asked[0]++;
    }

    /** Everything reported, in order. */
    private static final class Heard implements Progress {
        private final List<Double> fractions = new ArrayList<>();
        private final List<String> messages = new ArrayList<>();
        private final List<Learning> learned = new ArrayList<>();

        @Override
        public void report(double fraction, String message) {
            fractions.add(fraction);
            messages.add(message);
        }

        @Override
        public void report(double fraction, String message, Learning learning) {
            report(fraction, message);
            learned.add(learning);
        }
    }

    @Test
    void aPointHasTheMeanLossSinceTheOneBefore() {
        try (var trainer = trainer()) {
            var run = new Run(trainer, RunReportTest::batch, falling(), 5, 2);

            run.advance(NEVER, Progress.none());

            var expected = List.of(
                    new Run.Point(0, Double.NaN, 10),
                    new Run.Point(2, (1 + 4) / 2.0, 9),
                    new Run.Point(4, (9 + 16) / 2.0, 8),
                    new Run.Point(5, 25, 7));
            assertEquals(expected, run.curve());
            assertEquals(7, run.bestScore());
            assertFalse(run.diverged());
        }
    }

    @Test
    void everyStepIsHeardWithItsLossAndTheScoreWhereThereWasOne() {
        try (var trainer = trainer()) {
            var heard = new Heard();

            new Run(trainer, RunReportTest::batch, falling(), 4, 3).advance(NEVER, heard);

            assertEquals(List.of(0.0, 0.25, 0.5, 0.75, 1.0), heard.fractions);
            assertEquals(
                    List.of(
                            "training starts",
                            "step 1 of 4, loss 1.0",
                            "step 2 of 4, loss 4.0",
                            "step 3 of 4, loss 9.0",
                            "step 4 of 4, loss 16.0"),
                    heard.messages);
            assertEquals(
                    List.of(
                            new Progress.Learning("", 0, 4, null, 10.0),
                            new Progress.Learning("", 1, 4, 1.0, null),
                            new Progress.Learning("", 2, 4, 4.0, null),
                            new Progress.Learning("", 3, 4, 9.0, 9.0),
                            new Progress.Learning("", 4, 4, 16.0, 8.0)),
                    heard.learned);
        }
    }

    @Test
    void aRunThatIsStoppedSaysSoAndGoesOnFromThere() {
        try (var trainer = trainer()) {
            var heard = new Heard();
            var run = new Run(trainer, RunReportTest::batch, falling(), 4, 4);

            assertFalse(run.advance(() -> trainer.steps() == 2, heard));
            assertFalse(run.isFinished());
            assertTrue(run.advance(NEVER, heard));

            assertEquals(List.of(0.0, 0.25, 0.5, 0.75, 1.0), heard.fractions);
            assertEquals(
                    List.of(new Run.Point(0, Double.NaN, 10), new Run.Point(4, (1 + 4 + 9 + 16) / 4.0, 9)),
                    run.curve());
        }
    }

    @Test
    void whatWasSeenSinceTheLastPointOutlivesACheckpoint() throws IOException {
        var file = folder.resolve("checkpoint.npz");
        try (var first = trainer();
                var second = trainer()) {
            var part = new Run(first, RunReportTest::batch, falling(), 4, 4);
            part.advance(() -> first.steps() == 3, Progress.none());
            part.save(file);

            var rest = new Run(second, RunReportTest::batch, values -> 3, 4, 4);
            rest.restore(file);

            assertEquals(10, rest.bestScore());
            assertEquals(3, second.steps());
            assertTrue(rest.advance(NEVER, Progress.none()));
            assertEquals(
                    List.of(new Run.Point(0, Double.NaN, 10), new Run.Point(4, (1 + 4 + 9 + 16) / 4.0, 3)),
                    rest.curve());
        }
    }

    @Test
    void aCheckpointFromBeforeTheStartStarts() throws IOException {
        var file = folder.resolve("checkpoint.npz");
        try (var first = trainer();
                var second = trainer()) {
            new Run(first, RunReportTest::batch, falling(), 2, 2).save(file);
            var run = new Run(second, RunReportTest::batch, falling(), 2, 2);

            run.restore(file);

            assertNull(run.best());
            assertTrue(run.advance(NEVER, Progress.none()));
            assertEquals(
                    List.of(0, 2), run.curve().stream().map(Run.Point::step).toList());
        }
    }

    @Test
    void aRunThatDivergedIsAtItsEndAfterACheckpointToo() throws IOException {
        var file = folder.resolve("checkpoint.npz");
        try (var first = trainer();
                var second = trainer()) {
            var nothing = Map.of("x", Tensor.vector(Float.NaN), "target", Tensor.vector(0f));
            var run = new Run(first, number -> number == 1 ? nothing : batch(number), falling(), 5, 5);
            assertTrue(run.advance(NEVER, Progress.none()));
            run.save(file);
            var rest = new Run(second, RunReportTest::batch, falling(), 5, 5);

            rest.restore(file);

            assertTrue(rest.diverged() && rest.isFinished());
            assertTrue(rest.advance(NEVER, Progress.none()));
            assertEquals(1, second.steps());
        }
    }
}
