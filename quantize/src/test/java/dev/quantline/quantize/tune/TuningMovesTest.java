package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.settings.Whole;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Tuner.Step;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Which moves a run makes, in which order, and what it reports about them: two layers with biases, {@code x -> h -> y}.
 *
 * <p>Longer than 400 lines because the moves are one list, and their order is what is tested.
 */
class TuningMovesTest {
    private static final int SAMPLES = 32;
    private static final int BATCH = 4;
    private static final Split SPLIT = Split.of(SAMPLES);

    @TempDir
    private Path folder;

    private interface Task {
        void on(Samples samples) throws IOException;
    }

    /** @param between the operator between the two layers */
    private static Graph model(String between) {
        var builder = new GraphBuilder(17, 8);
        builder.op(
                "p",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, Networks.FEATURES),
                builder.normal("v", .5, Networks.FEATURES, 4));
        builder.op("h", between, builder.op("a", "Add", "p", builder.normal("u", .5, 4)));
        builder.op(
                "y", "Add", builder.op("q", "MatMul", "h", builder.normal("w", .5, 4, 3)), builder.normal("b", .5, 3));
        return builder.output("y", DataType.FLOAT, -1, 3).graph();
    }

    /** The grid of x cuts off everything above .5, so that h and y are biased. */
    private static QuantizationPlan plan() {
        return new QuantizationPlan(
                List.of(
                        new QuantizationPlan.Activation(
                                "x", Set.of("p/MatMul"), Uniform.asymmetric(4, -2, .5), "fixed"),
                        new QuantizationPlan.Activation(
                                "h", Set.of("q/MatMul"), Uniform.asymmetric(3, -2, 2), "fixed")),
                List.of(
                        new QuantizationPlan.Weight(
                                "v", "p/MatMul", 1, Uniform.symmetric(3, 1, new double[] {1.5, 1.5, 1.5, 1.5})),
                        new QuantizationPlan.Weight(
                                "w", "q/MatMul", 1, Uniform.symmetric(3, 1, new double[] {1.5, 1.5, 1.5}))));
    }

    private final Graph model = model("Relu");
    private final State start = new State(model, plan());

    private static Training training(int steps, double rate, double ahead) {
        return new Training(
                steps, BATCH, 0, Distance.MSE, new Rates(rate, rate, rate, rate, rate, rate, 0, 0), ahead, 5);
    }

    private static TuneSettings settings(
            Rounding rounding,
            boolean bias,
            TuningMethod method,
            boolean sequential,
            Whole whole,
            boolean logits,
            Training training) {
        return Recipes.tune(
                "rounding: '" + rounding.word() + "', layers: '" + method.word() + "', whole: '" + whole.word()
                        + "', bias: "
                        + bias + ", normalization: " + (rounding == Rounding.COMPENSATED) + ", order: '"
                        + (sequential ? "sequential" : "parallel") + "'",
                SAMPLES,
                training,
                logits);
    }

    private static TuneSettings everything() {
        return settings(
                Rounding.COMPENSATED, true, TuningMethod.RECONSTRUCT, true, Whole.BIASES, false, training(3, .05, 0));
    }

    private static TuneSettings pieces(TuningMethod method, boolean sequential, double ahead) {
        return settings(Rounding.NEAREST, false, method, sequential, Whole.OFF, false, training(1, 0, ahead));
    }

    private void with(Task task) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(SAMPLES, 2))))) {
            task.on(new Samples(data, model, Map.of()));
        }
    }

    private TuningRun run(Graph network, Samples samples, TuneSettings settings) throws IOException {
        return new TuningRun(
                network, plan(), samples, settings, BATCH, Provider.cpu(), Files.createTempDirectory(folder, "run"));
    }

    private List<Step> steps(Samples samples, TuneSettings settings) throws IOException {
        return steps(model, samples, settings);
    }

    private List<Step> steps(Graph network, Samples samples, TuneSettings settings) throws IOException {
        try (var run = run(network, samples, settings)) {
            assertTrue(run.advance(() -> false, Progress.none()));
            return run.result().steps();
        }
    }

    private double judged(Samples samples, boolean logits, State state) {
        return new HeldOutError(model, samples, SPLIT, logits, BATCH, Provider.cpu()).error(state, Progress.none());
    }

    @Test
    void everyMoveIsTakenInItsTurnAndTellsHowFarItIs() throws IOException {
        with(samples -> {
            var fractions = new ArrayList<Double>();
            var messages = new ArrayList<String>();
            try (var run = run(model, samples, everything())) {
                assertTrue(run.advance(() -> false, (done, message) -> {
                    fractions.add(done);
                    messages.add(message);
                }));

                assertEquals(
                        List.of(
                                "bias correction",
                                "compensated rounding",
                                "reconstruct",
                                "compensated rounding",
                                "reconstruct",
                                "whole",
                                "normalization",
                                "all"),
                        run.result().steps().stream().map(Step::method).toList());
                assertEquals(
                        List.of("", "p/MatMul", "p/MatMul", "q/MatMul", "q/MatMul", "the whole model", "", ""),
                        run.result().steps().stream().map(Step::part).toList());
                run.result()
                        .steps()
                        .forEach(step ->
                                assertEquals(step.errorAfter() < step.errorBefore(), step.kept(), step.toString()));
            }
            // The whole takes as long as both pieces; nine shares in all.
            assertBetween(0, 1, "correcting biases", fractions, messages);
            assertBetween(1, 2, "rounding p/MatMul", fractions, messages);
            assertBetween(2, 3, "reconstruct 1 of 2, p/MatMul: ", fractions, messages);
            assertBetween(3, 4, "rounding q/MatMul", fractions, messages);
            assertBetween(4, 5, "reconstruct 2 of 2, q/MatMul: ", fractions, messages);
            assertBetween(5, 7, "whole network: ", fractions, messages);
            for (int i = 1; i < fractions.size(); i++) {
                assertTrue(fractions.get(i - 1) <= fractions.get(i) + 1e-12, messages.get(i));
            }
            assertEquals(1, fractions.getLast(), 1e-12);
        });
    }

    private static void assertBetween(int from, int to, String message, List<Double> fractions, List<String> messages) {
        int heard = 0;
        for (int i = 0; i < messages.size(); i++) {
            if (messages.get(i).startsWith(message)) {
                double shares = 9 * fractions.get(i);
                assertTrue(from - 1e-9 <= shares && shares <= to + 1e-9, shares + " " + message);
                heard++;
            }
        }
        assertTrue(heard > 0, message + " in " + messages);
    }

    @Test
    void changesOfTheWholeAreJudgedOnHeldOutSamples() throws IOException {
        with(samples -> {
            try (var run = run(model, samples, Recipes.biases(true, SAMPLES))) {
                run.advance(() -> false, Progress.none());

                var result = run.result();
                var step = result.steps().getFirst();
                assertEquals(1, result.steps().size());
                assertEquals(model.outputs(), result.model().outputs());
                assertEquals(judged(samples, false, start), step.errorBefore(), 1e-9);
                assertTrue(step.kept() && step.errorAfter() < step.errorBefore());
                assertEquals(judged(samples, false, new State(result.model(), result.plan())), step.errorAfter(), 1e-9);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void allTogetherIsJudgedAsTheOutputsAreMeant(boolean logits) throws IOException {
        with(samples -> {
            var whole =
                    settings(Rounding.NEAREST, false, TuningMethod.OFF, true, Whole.BIASES, logits, training(4, .2, 0));
            try (var run = run(model, samples, whole)) {
                run.advance(() -> false, Progress.none());

                var result = run.result();
                assertEquals(
                        List.of("whole", "all"),
                        result.steps().stream().map(Step::method).toList());
                for (var step : result.steps()) {
                    assertEquals(judged(samples, logits, start), step.errorBefore(), 1e-5, step.method());
                    assertEquals(
                            judged(samples, logits, new State(result.model(), result.plan())),
                            step.errorAfter(),
                            1e-5,
                            step.method());
                    assertTrue(step.kept(), step.toString());
                }
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"RECONSTRUCT, true", "RECONSTRUCT, false", "ADAQUANT, true", "ADAQUANT, false", "ADAROUND, true"})
    void aPieceStartsFromWhatThePiecesBeforeItGive(TuningMethod method, boolean sequential) throws IOException {
        with(samples -> {
            var steps = steps(samples, pieces(method, sequential, 0));

            var parts = method == TuningMethod.RECONSTRUCT
                    ? Blocks.of(model, plan(), end -> true)
                    : Layers.of(model, plan());
            assertEquals(
                    parts.stream().map(Subgraph::name).toList(),
                    steps.subList(0, 2).stream().map(Step::part).toList());
            var axes = Map.of("a", BatchAxis.FIRST, "h", BatchAxis.FIRST, "y", BatchAxis.FIRST);
            try (var tuning = new BlockTuning(model, samples, SPLIT, axes, sequential, Provider.cpu(), folder)) {
                for (int i = 0; i < 2 && method != TuningMethod.ADAROUND; i++) {
                    tuning.enter(parts.get(i), start);
                    assertEquals(tuning.error(parts.get(i), start), steps.get(i).errorBefore(), 1e-5, "part " + i);
                }
            }
            var all = steps.getLast();
            assertEquals("all", all.method());
        });
    }

    @Test
    void aBlockLooksAheadAndALayerDoesNot() throws IOException {
        with(samples -> {
            for (var method : List.of(TuningMethod.RECONSTRUCT, TuningMethod.ADAQUANT)) {
                var alone = steps(samples, pieces(method, true, 0));
                var ahead = steps(samples, pieces(method, true, 2));

                boolean looks = method == TuningMethod.RECONSTRUCT;
                assertEquals(
                        looks,
                        ahead.getFirst().errorBefore() > 1.2 * alone.getFirst().errorBefore(),
                        method.toString());
                assertEquals(alone.get(1).errorBefore(), ahead.get(1).errorBefore(), 1e-6, "the last ends its stage");
            }
        });
    }

    @Test
    void whereNothingIsToBeDoneEverythingStays() throws IOException {
        with(samples -> {
            try (var run = run(model, samples, Recipes.biases(false, SAMPLES))) {
                assertTrue(run.advance(() -> true, Progress.none()));
                assertEquals(List.of(), run.result().steps());
                assertSame(model, run.result().model());
            }
            var still = steps(samples, pieces(TuningMethod.RECONSTRUCT, true, 0));
            assertTrue(still.stream().noneMatch(Step::kept), still.toString());
        });
    }

    @Test
    void whatWasRoundedAndCorrectedIsNotAgainAndComesBackWhereNothingHelps() throws IOException {
        with(samples -> {
            var rounded = model.copy();
            rounded.initializers()
                    .put(
                            "v",
                            plan().weights()
                                    .getFirst()
                                    .quantizer()
                                    .fakeQuantize(model.initializers().get("v")));
            var still = settings(
                    Rounding.COMPENSATED, true, TuningMethod.RECONSTRUCT, true, Whole.OFF, false, training(1, 0, 0));
            try (var run = TuningRun.ofRounded(model, rounded, plan(), samples, still, BATCH, Provider.cpu(), folder)) {
                run.advance(() -> false, Progress.none());

                assertEquals(
                        List.of("reconstruct", "reconstruct", "normalization", "all"),
                        run.result().steps().stream().map(Step::method).toList());
                assertSame(rounded, run.result().model());
                assertEquals(
                        judged(samples, false, new State(rounded, plan())),
                        run.result().steps().getLast().errorBefore(),
                        1e-9);
            }
        });
    }

    @Test
    void aPartNoGradientPassesIsNotTrainedAndSaysWhy() throws IOException {
        with(samples -> {
            var opaque = model("Hardmax");
            var joined =
                    Recipes.tune("layers: 'reconstruct', whole: 'all', blocks: ['h']", SAMPLES, training(2, .1, 1));
            var steps = steps(opaque, samples, joined);

            assertEquals(
                    List.of("not trained: gradients cannot pass Hardmax", "reconstruct", "all"),
                    steps.stream().map(Step::method).toList());
            assertEquals("p/MatMul", steps.getFirst().part());
            assertEquals(steps.getFirst().errorBefore(), steps.getFirst().errorAfter());
            assertFalse(steps.getFirst().kept());
        });
    }

    @Test
    void aBlockDoesNotLookThroughWhatNoGradientPasses() throws IOException {
        with(samples -> {
            var steps = steps(model("Hardmax"), samples, pieces(TuningMethod.RECONSTRUCT, true, 1));

            assertEquals(
                    "reconstruct p/MatMul",
                    steps.getFirst().method() + " " + steps.getFirst().part());
        });
    }

    @Test
    void stoppedAnywhereItGoesOnToTheSameModel() throws IOException {
        with(samples -> {
            Tuner.Result unbroken;
            try (var run = run(model, samples, everything())) {
                run.advance(() -> false, Progress.none());
                unbroken = run.result();
            }
            var saved = Files.createDirectory(folder.resolve("saved"));
            assertFalse(TuningRun.isIn(saved));
            int slices = 0;
            for (boolean finished = false; !finished && slices < 40; slices++) {
                var own = Files.createTempDirectory(folder, "slice");
                try (var run = new TuningRun(model, plan(), samples, everything(), BATCH, Provider.cpu(), own)) {
                    if (slices > 0) {
                        assertTrue(TuningRun.isIn(saved));
                        run.restore(saved);
                    }
                    var asked = new int[1];
                    finished = run.advance(() -> asked[0]++ >= 1, Progress.none());
                    assertEquals(
                            finished,
                            run.result().steps().stream()
                                    .anyMatch(step -> step.method().equals("all")));
                    Files.deleteIfExists(saved.resolve("training.npz"));
                    run.save(saved);
                    if (finished) {
                        assertEquals(unbroken.steps(), run.result().steps());
                        assertEquals(
                                unbroken.model().initializers(),
                                run.result().model().initializers());
                        assertEquals(
                                unbroken.plan().toJson(), run.result().plan().toJson());
                    }
                }
                try (var left = Files.list(own)) {
                    assertEquals(0, left.count(), "nothing is left in the folder of a run");
                }
            }
            assertTrue(slices > 6 && slices < 40, slices + " slices");
        });
    }

    @Test
    void inNoTimePiecesTakeTheFewestSteps() throws IOException {
        with(samples -> {
            var usual = settings(
                    Rounding.NEAREST, false, TuningMethod.RECONSTRUCT, true, Whole.BIASES, false, training(30, .01, 0));
            try (var run = run(model, samples, usual).within(1e-6, 0)) {
                run.advance(() -> false, Progress.none());
                var trained = run.result().steps().stream()
                        .filter(step -> !step.curve().isEmpty())
                        .toList();
                assertEquals(3, trained.size());
                trained.forEach(step -> assertEquals(20, step.curve().getLast().step()));
            }
            var without = steps(samples, usual);
            assertEquals(30, without.getFirst().curve().getLast().step());
            assertNotEquals(List.of(), without.getFirst().curve());
        });
    }

    @Test
    void inMuchTimePiecesTakeAsManyStepsAsHelp() throws IOException {
        with(samples -> {
            var saved = Files.createDirectory(folder.resolve("saved"));
            try (var run = run(model, samples, pieces(TuningMethod.RECONSTRUCT, true, 0))
                    .within(1e9, 0)) {
                assertFalse(run.advance(() -> true, Progress.none()));
                run.save(saved);
            }
            assertTrue(Files.readString(saved.resolve("moves.json")).contains("\"0 p/MatMul\":2000"));
        });
    }
}
