package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.settings.Whole;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Tuning runs from start to end, stopped and resumed, on small networks.
 *
 * <p>Longer than 400 lines because every case is such a run, and all share how one is calibrated, started and finished.
 */
class TuningRunTest {
    private static final int SAMPLES = 96;
    private static final Training SHORT = forty(Distance.MSE, 0);

    @TempDir
    private Path folder;

    private interface Task<T> {
        T of(Stages stages, Samples samples) throws IOException;
    }

    private static Training forty(Distance loss, double ahead) {
        return new Training(40, 16, 0.5, loss, new Rates(0.02, 0.05, 0.02, 0.005, 0.01, 0.005, 1e-6, 0), ahead, 5);
    }

    private static TuneSettings settings(TuningMethod method, boolean sequential, Training training) {
        return Recipes.tune(
                "layers: '" + method.word() + "', order: '" + (sequential ? "sequential" : "parallel") + "'",
                SAMPLES,
                training);
    }

    private <T> T calibrated(Graph network, Map<String, Tensor> arrays, Task<T> task) throws IOException {
        var model = PreparedModel.prepare(network);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, Map.of());
            return task.of(
                    Stages.run(model, samples, CalibrateSettings.plain(ActivationRange.MSE, 4, 4, List.of())), samples);
        }
    }

    private static Graph network(String name) {
        return name.equals("conv") ? Networks.conv(2) : Networks.transformer(2);
    }

    private static Map<String, Tensor> data(String name) {
        return name.equals("conv") ? Data.images(SAMPLES, 9) : Data.tokens(SAMPLES, 10, 9);
    }

    private TuningRun start(Stages stages, Samples samples, TuneSettings settings) throws IOException {
        return new TuningRun(
                stages.model(),
                stages.plan(),
                samples,
                settings,
                16,
                Provider.cpu(),
                Files.createTempDirectory(folder, "run"));
    }

    private static Tuner.Result finish(TuningRun run) {
        assertTrue(run.advance(() -> false, Progress.none()));
        return run.result();
    }

    @ParameterizedTest
    @ValueSource(strings = {"conv", "transformer"})
    void reconstructionBringsTheWholeModelCloserToTheFloatOne(String name) throws IOException {
        calibrated(network(name), data(name), (stages, samples) -> {
            try (var run = start(stages, samples, settings(TuningMethod.RECONSTRUCT, true, SHORT))) {
                var whole = finish(run).steps().getLast();

                assertTrue(whole.errorAfter() < 0.9 * whole.errorBefore(), whole.toString());
                assertTrue(whole.kept());
            }
            return null;
        });
    }

    @Test
    void layersBeforeAndBehindARecurrentOneLearn() throws IOException {
        calibrated(Networks.recurrent(3), Data.sequences(SAMPLES, 9), (stages, samples) -> {
            var whole = Recipes.tune(
                    "rounding: 'compensated', layers: 'reconstruct', whole: 'biases', bias: true, normalization: true",
                    SAMPLES,
                    SHORT);
            try (var run = start(stages, samples, whole)) {
                var steps = finish(run).steps();

                var trained = steps.stream()
                        .filter(step -> step.method().equals("reconstruct"))
                        .map(Tuner.Step::part)
                        .toList();
                assertEquals(2, trained.size(), steps.toString());
                assertTrue(steps.stream().noneMatch(step -> step.method().startsWith("not trained")), steps.toString());
                assertTrue(
                        steps.getLast().errorAfter() < 0.9 * steps.getLast().errorBefore(),
                        steps.getLast().toString());
            }
            return null;
        });
    }

    @Test
    void aPartWithARecurrentLayerBehindWhatItTrainsIsLeftAndSaysWhy() throws IOException {
        calibrated(Networks.recurrent(3), Data.sequences(SAMPLES, 9), (stages, samples) -> {
            var joined = Recipes.tune("layers: 'reconstruct', blocks: ['state']", SAMPLES, SHORT);
            try (var run = start(stages, samples, joined)) {
                var steps = finish(run).steps();

                assertEquals(
                        "not trained: gradients cannot pass LSTM",
                        steps.getFirst().method());
                assertEquals("reconstruct", steps.get(1).method());
            }
            return null;
        });
    }

    @ParameterizedTest
    @EnumSource(value = TuningMethod.class, names = "OFF", mode = EnumSource.Mode.EXCLUDE)
    void noPieceEndsWorseThanItBegan(TuningMethod method) throws IOException {
        calibrated(network("transformer"), data("transformer"), (stages, samples) -> {
            for (boolean sequential : List.of(true, false)) {
                try (var run = start(stages, samples, settings(method, sequential, SHORT))) {
                    var steps = finish(run).steps();

                    assertTrue(steps.size() > 2);
                    steps.subList(0, steps.size() - 1)
                            .forEach(step -> assertTrue(step.errorAfter() <= step.errorBefore(), step.toString()));
                    assertTrue(steps.stream().anyMatch(Tuner.Step::kept));
                }
            }
            return null;
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"conv", "transformer"})
    void aBlockCanLookAtTheEndOfItsStage(String name) throws IOException {
        calibrated(network(name), data(name), (stages, samples) -> {
            var across = forty(Distance.MAE, 1);
            var parts = Blocks.of(stages.model(), stages.plan(), end -> true);
            assertTrue(AcrossBlock.behind(parts, 0, stages.model()).isPresent() || name.equals("conv"));
            try (var run = start(stages, samples, settings(TuningMethod.RECONSTRUCT, true, across))) {
                var whole = finish(run).steps().getLast();

                assertTrue(whole.errorAfter() < whole.errorBefore(), whole.toString());
            }
            return null;
        });
    }

    @ParameterizedTest
    @CsvSource({
        "conv, OFF, true",
        "transformer, OFF, true",
        "transformer, OFF, false",
        "conv, ADAQUANT, true",
        "conv, ADAROUND, true"
    })
    void compensatedRoundingBringsPiecesAndTheWholeCloser(String name, TuningMethod layers, boolean sequential)
            throws IOException {
        calibrated(network(name), data(name), (stages, samples) -> {
            var settings = Recipes.tune(
                    "rounding: 'compensated', layers: '" + layers.word() + "', order: '"
                            + (sequential ? "sequential" : "parallel") + "'",
                    SAMPLES,
                    SHORT);
            try (var run = start(stages, samples, settings)) {
                var steps = finish(run).steps();

                var rounded = steps.stream()
                        .filter(step -> step.method().equals("compensated rounding"))
                        .toList();
                assertTrue(rounded.stream().filter(Tuner.Step::kept).count() > rounded.size() / 2, steps.toString());
                assertTrue(steps.getLast().errorAfter() < 0.8 * steps.getLast().errorBefore(), steps.toString());
            }
            return null;
        });
    }

    @ParameterizedTest
    @EnumSource(
            value = Whole.class,
            names = {"BIASES", "ALL"})
    void theWholeNetworkLearnsTogether(Whole whole) throws IOException {
        calibrated(network("transformer"), data("transformer"), (stages, samples) -> {
            var settings =
                    Recipes.tune("bias: true, normalization: true, whole: '" + whole.word() + "'", SAMPLES, SHORT);
            try (var run = start(stages, samples, settings)) {
                var steps = finish(run).steps();

                assertEquals(
                        List.of("bias correction", "whole", "normalization", "all"),
                        steps.stream().map(Tuner.Step::method).toList());
                assertTrue(steps.get(1).errorAfter() < steps.get(1).errorBefore(), steps.toString());
                assertTrue(steps.getLast().kept());
            }
            return null;
        });
    }

    @Test
    void logitsAreJudgedByTheirDistributions() throws IOException {
        calibrated(network("transformer"), data("transformer"), (stages, samples) -> {
            var settings = Recipes.tune("whole: 'all'", SAMPLES, SHORT, true);
            try (var run = start(stages, samples, settings)) {
                var steps = finish(run).steps();

                var split = BlockTuning.Split.of(SAMPLES);
                var divergence = new HeldOutError(stages.model(), samples, split, true, 16, Provider.cpu());
                var before = divergence.error(new BlockTuning.State(stages.model(), stages.plan()), Progress.none());
                assertEquals(
                        List.of("whole", "all"),
                        steps.stream().map(Tuner.Step::method).toList());
                assertTrue(steps.getFirst().errorAfter() < steps.getFirst().errorBefore(), steps.toString());
                assertEquals(before, steps.getLast().errorBefore(), 1e-9 * before);
                assertTrue(steps.getLast().errorAfter() < 0.9 * before, steps.toString());
            }
            return null;
        });
    }

    @Test
    void whatComesOutBesidesLogitsDoesNotCount() throws IOException {
        var network = network("transformer");
        var second = network.fresh("second");
        network.nodes()
                .add(Node.of("ArgMax", List.of(network.outputs().getFirst().getName()), second)
                        .with("axis", -1L));
        network.outputs().add(ValueInfos.of(second, DataType.INT64, -1, -1, 1));
        calibrated(network, data("transformer"), (stages, samples) -> {
            var settings = Recipes.tune("whole: 'all'", SAMPLES, SHORT, true);
            try (var run = start(stages, samples, settings)) {
                var result = finish(run);
                assertTrue(
                        result.steps().getLast().kept()
                                && network.outputs().equals(result.model().outputs()),
                        result.toString());
            }
            assertTrue(new Partition(stages.model(), stages.plan(), samples, Provider.cpu()).bytesASample() > 0);
            return null;
        });
    }

    @Test
    void aNetworkTellsHowMuchItsActivationsHold() throws IOException {
        calibrated(network("conv"), data("conv"), (stages, samples) -> {
            var one = new ArrayList<Long>();
            stages.model().nodes().stream()
                    .flatMap(node -> node.outputs().stream())
                    .forEach(tensor -> {
                        var shown = stages.model().copy();
                        shown.outputs().clear();
                        shown.outputs().add(ValueInfos.of(tensor, DataType.FLOAT));
                        try (var session = Session.open(shown, Provider.cpu(), Session.Optimization.NONE)) {
                            samples.forEachBatch(
                                    0,
                                    1,
                                    1,
                                    fed -> one.add(4L
                                            * session.run(fed.arrays())
                                                    .get(tensor)
                                                    .size()));
                        }
                    });

            assertEquals(
                    one.stream().mapToLong(bytes -> bytes).sum(),
                    new Partition(stages.model(), stages.plan(), samples, Provider.cpu()).bytesASample());
            return null;
        });
    }

    @Test
    void tuningThatRunsAwayLeavesThePlanAsItWas() throws IOException {
        calibrated(network("conv"), data("conv"), (stages, samples) -> {
            var wild = new Training(12, 16, 0, Distance.MSE, new Rates(50, 50, 50, 0.001, 0.001, 0.001, 0, 0), 0, 1);
            try (var run = start(stages, samples, settings(TuningMethod.RECONSTRUCT, true, wild))) {
                var result = finish(run);

                result.steps().forEach(step -> assertTrue(step.errorAfter() <= step.errorBefore(), step.toString()));
            }
            return null;
        });
    }

    @ParameterizedTest
    @EnumSource(Rounding.class)
    void stoppedAnywhereAndResumedItEndsInTheSameModel(Rounding rounding) throws IOException {
        calibrated(network("conv"), data("conv"), (stages, samples) -> {
            // Given
            var settings = Recipes.tune("layers: 'reconstruct', rounding: '" + rounding.word() + "'", SAMPLES, SHORT);
            Tuner.Result unbroken;
            try (var run = start(stages, samples, settings)) {
                unbroken = finish(run);
            }

            // When
            var checkpoint = Files.createDirectory(folder.resolve("checkpoint"));
            int slices = 0;
            for (boolean finished = false; !finished; slices++) {
                try (var run = start(stages, samples, settings)) {
                    if (slices > 0) {
                        run.restore(checkpoint);
                    }
                    var asked = new int[1];
                    finished = run.advance(() -> asked[0]++ >= 17, Progress.none());
                    run.save(checkpoint);
                    if (finished) {
                        // Then
                        assertEquals(
                                unbroken.plan().toJson(), run.result().plan().toJson());
                        assertEquals(unbroken.steps(), run.result().steps());
                        assertEquals(
                                unbroken.model().initializers(),
                                run.result().model().initializers());
                    }
                }
            }
            assertTrue(slices > 4, slices + " slices");
            return null;
        });
    }

    @Test
    void progressTellsTheLossAndCanCancel() throws IOException {
        calibrated(network("conv"), data("conv"), (stages, samples) -> {
            try (var run = start(stages, samples, settings(TuningMethod.RECONSTRUCT, true, SHORT))) {
                var heard = new ArrayList<String>();

                assertThrows(
                        CancellationException.class,
                        () -> run.advance(() -> false, (fraction, message) -> {
                            heard.add(message);
                            if (message.contains("step 3 of 40")) {
                                throw new CancellationException();
                            }
                        }));

                assertTrue(heard.getLast().contains("loss"), heard.getLast());
                assertFalse(heard.getLast().contains("NaN"));
            }
            return null;
        });
    }

    @Test
    void curvesCanBeDrawnWhileTheyGrow() throws IOException {
        calibrated(network("conv"), data("conv"), (stages, samples) -> {
            try (var run = start(stages, samples, settings(TuningMethod.RECONSTRUCT, true, SHORT))) {
                var heard = new ArrayList<Progress.Learning>();
                run.advance(() -> false, new Progress() {
                    @Override
                    public void report(double fraction, String message) {}

                    @Override
                    public void report(double fraction, String message, Learning learning) {
                        heard.add(learning);
                    }
                });

                for (var step : run.result().steps().stream()
                        .filter(step -> !step.curve().isEmpty())
                        .toList()) {
                    var own = heard.stream()
                            .filter(point -> point.part().equals(step.part()))
                            .toList();
                    assertEquals(41, own.size(), step.part());
                    assertEquals(
                            step.curve().stream().map(point -> point.score()).toList(),
                            own.stream()
                                    .map(Progress.Learning::heldOut)
                                    .filter(score -> score != null)
                                    .toList());
                }
            }
            return null;
        });
    }

    @Test
    void piecesTakeFewerStepsInLessTime() throws IOException {
        calibrated(network("conv"), data("conv"), (stages, samples) -> {
            try (var run = start(stages, samples, settings(TuningMethod.RECONSTRUCT, true, SHORT))) {
                var trained = finish(run.within(1e-3, 0)).steps().stream()
                        .filter(step -> !step.curve().isEmpty())
                        .toList();

                assertTrue(trained.size() > 1);
                trained.forEach(step -> assertEquals(20, step.curve().getLast().step(), step.toString()));
            }
            return null;
        });
    }

    @Test
    void aZeroPointThatIsOffIsMended() throws IOException {
        calibrated(Networks.mlp(3), Data.rows(SAMPLES, 4), (stages, samples) -> {
            // Given: the range of the input ends four steps too early on one side
            var moved = stages.plan().activations().stream()
                    .map(old -> old.tensor().equals("x")
                            ? new QuantizationPlan.Activation(
                                    "x", old.readers(), shifted((Uniform) old.quantizer(), 4), old.range())
                            : old)
                    .toList();
            var plan = new QuantizationPlan(moved, stages.plan().weights());
            var zeroPointsAlone = new Training(60, 16, 0, Distance.MSE, new Rates(0, 0, 0, 0, 0, 0, 0, 0.2), 0, 5);

            // When
            try (var run = start(
                    new Stages(stages.model(), plan, stages.table()),
                    samples,
                    settings(TuningMethod.ADAQUANT, true, zeroPointsAlone))) {
                var result = finish(run);

                // Then
                int before = zeroPoint(plan);
                int after = zeroPoint(result.plan());
                assertTrue(after <= before - 2, before + " " + after + " " + result.steps());
                var first = result.steps().getFirst();
                assertTrue(first.errorAfter() < 0.7 * first.errorBefore(), first.toString());
            }
            return null;
        });
    }

    private static int zeroPoint(QuantizationPlan plan) {
        return plan.activations().stream()
                .filter(planned -> planned.tensor().equals("x"))
                .map(planned -> (Uniform) planned.quantizer())
                .findFirst()
                .orElseThrow()
                .zeroPoint()[0];
    }

    private static Uniform shifted(Uniform grid, int steps) {
        return new Uniform(
                grid.bits(), grid.signed(), grid.axis(), grid.scale(), new int[] {grid.zeroPoint()[0] + steps});
    }
}
