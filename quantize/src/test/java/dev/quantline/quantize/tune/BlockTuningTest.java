package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Two parts, {@code ids -> h -> y}, each a weight times its input plus a bias, after a lookup; weights and h on coarse grids. */
class BlockTuningTest {
    private static final int WIDTH = 3;
    private static final int WORDS = 20;
    private static final Uniform WEIGHTS = Uniform.symmetric(3, 1, new double[] {2, 2, 2});
    private static final Subgraph FIRST =
            new Subgraph("first", List.of(), List.of("h"), Set.of("e/Gather", "a/MatMul", "h/Add"));
    private static final Subgraph SECOND =
            new Subgraph("second", List.of("h"), List.of("y"), Set.of("b/MatMul", "y/Add"));
    private static final Map<String, BatchAxis> AXES = Map.of("h", BatchAxis.FIRST, "y", BatchAxis.FIRST);
    private static final Trainables BIASES = new Trainables(Weights.FIXED, true, false, false, false);
    private static final Training TRAINING =
            new Training(6, 4, 0, Distance.MSE, new Rates(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0), 0, 3);
    private static final Split SPLIT = new Split(7, 12);

    @TempDir
    private Path folder;

    /** Lengths of the samples of each file, four per file. */
    private int[] lengths = {2, 4, 3};

    private interface Task {
        void on(BlockTuning tuning) throws IOException;
    }

    private static Graph model(long samples) {
        var builder = new GraphBuilder(17, 8);
        builder.op(
                "e",
                "Gather",
                builder.normal("table", 1, WORDS, WIDTH),
                builder.input("ids", DataType.INT64, samples, -1));
        builder.op(
                "h",
                "Add",
                builder.op("a", "MatMul", "e", builder.normal("v", 1, WIDTH, WIDTH)),
                builder.normal("u", 1, WIDTH));
        builder.op(
                "y",
                "Add",
                builder.op("b", "MatMul", "h", builder.normal("w", 1, WIDTH, WIDTH)),
                builder.normal("c", 1, WIDTH));
        return builder.output("y", DataType.FLOAT, samples, -1, WIDTH).graph();
    }

    private static QuantizationPlan plan() {
        var grid = Uniform.asymmetric(3, -4, 4);
        return new QuantizationPlan(
                List.of(
                        new QuantizationPlan.Activation("e", Set.of("a/MatMul"), grid, "fixed"),
                        new QuantizationPlan.Activation("h", Set.of("b/MatMul"), grid, "fixed")),
                List.of(
                        new QuantizationPlan.Weight("v", "a/MatMul", 1, WEIGHTS),
                        new QuantizationPlan.Weight("w", "b/MatMul", 1, WEIGHTS)));
    }

    private final Graph model = model(-1);
    private final State start = new State(model, plan());

    private static Tensor ids(int file, int samples, int length) {
        var random = new Random(file);
        return Tensor.of(random.longs((long) samples * length, 0, WORDS).toArray(), samples, length);
    }

    private void with(Graph reference, boolean sequential, Task task) throws IOException {
        var files = new ArrayList<Path>();
        for (int file = 0; file < lengths.length; file++) {
            files.add(Data.write(folder.resolve(file + ".npz"), Map.of("ids", ids(file, 4, lengths[file]))));
        }
        var spilled = Files.createTempDirectory(folder, "spilled");
        try (var data = Dataset.open(files)) {
            try (var tuning = new BlockTuning(
                    reference,
                    new Samples(data, reference, Map.of()),
                    SPLIT,
                    AXES,
                    sequential,
                    Provider.cpu(),
                    spilled)) {
                task.on(tuning);
            }
        }
        try (var left = Files.list(spilled)) {
            assertEquals(0, left.count(), "everything spilled is gone");
        }
    }

    private static float[] run(Graph graph, Tensor ids, Tensor given) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
            String input = graph.inputs().getFirst().getName();
            return session.run(Map.of(input, input.equals("ids") ? ids : given))
                    .get("y")
                    .toFloats();
        }
    }

    /** Error of y on held-out samples, with the first part quantized too or float. */
    private double expected(State state, boolean sequential, int... samples) {
        double noise = 0;
        double power = 0;
        for (int sample : samples) {
            var ids = ids(sample / 4, 4, lengths[sample / 4]).rows(sample % 4, sample % 4 + 1);
            var exact = run(model, ids, null);
            Tensor handed;
            try (var session = Session.open(FIRST.cut(model), Provider.cpu(), Session.Optimization.EXACT)) {
                handed = session.run(Map.of("ids", ids)).get("h");
            }
            var other = run(
                    FakeQuantGraph.fixed(sequential ? Blocks.whole(model) : SECOND, state.model(), state.plan()),
                    ids,
                    handed);
            for (int i = 0; i < exact.length; i++) {
                noise += Math.pow(exact[i] - other[i], 2);
                power += Math.pow(exact[i], 2);
            }
        }
        return noise / power;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPartStartsFromWhatTheOneBeforeGivesQuantizedOrNot(boolean sequential) throws IOException {
        double wanted = expected(start, sequential, 7, 8, 9, 10, 11);
        assertNotEquals(wanted, expected(start, !sequential, 7, 8, 9, 10, 11), 0.01 * wanted);
        with(model, sequential, tuning -> {
            tuning.pass(FIRST, start);
            assertEquals(wanted, tuning.error(SECOND, start), 1e-5 * wanted);
        });
        with(model, sequential, tuning -> {
            tuning.enter(SECOND, start);
            assertEquals(wanted, tuning.error(SECOND, start), 1e-5 * wanted);
            double second = tuning.error(SECOND, start);
            tuning.enter(FIRST, start);
            assertNotEquals(second, tuning.error(FIRST, start));
        });
    }

    /** A model with a fixed batch of four samples of one length: of five held-out samples, the last one is left over. */
    @Test
    void samplesThatFillNoBatchOfAFixedModelAreLeftOut() throws IOException {
        lengths = new int[] {3, 3, 3};
        double wanted = expected(start, true, 7, 8, 9, 10);
        with(model(4), true, tuning -> {
            var fixed = new State(model(4), plan());
            tuning.pass(FIRST, fixed);
            assertEquals(wanted, tuning.error(SECOND, fixed), 1e-5 * wanted);
        });
    }

    private Optional<BlockTuning.Part> tune(
            BlockTuning tuning, Subgraph part, State state, Trainables trainables, boolean stop) {
        return tuning.tune(
                part,
                state,
                Optional.empty(),
                trainables,
                TRAINING,
                folder.resolve("checkpoint.npz"),
                () -> stop,
                Progress.none());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theNextPartStartsFromWhatTheTunedOneGives(boolean sequential) throws IOException {
        var off = model.copy();
        off.initializers().put("u", Tensor.vector(5f, -5f, 5f));
        with(model, sequential, tuning -> {
            var first =
                    tune(tuning, FIRST, new State(off, plan()), BIASES, false).orElseThrow();
            assertFalse(first.curve().isEmpty());
            var moved = first.state().model().initializers();
            assertNotEquals(off.initializers().get("u"), moved.get("u"));
            assertEquals(model.initializers().get("c"), moved.get("c"), "another part's bias");
            double wanted = expected(first.state(), sequential, 7, 8, 9, 10, 11);
            assertEquals(wanted, tuning.error(SECOND, first.state()), 1e-5 * wanted);
        });
    }

    @Test
    void aPartWithNothingToTrainIsPassed() throws IOException {
        with(model, true, tuning -> {
            assertEquals(0, tuning.secondsAStep(FIRST, start, Optional.empty(), Trainables.NOTHING, TRAINING));
            assertTrue(tuning.secondsAStep(FIRST, start, Optional.empty(), BIASES, TRAINING) > 0);

            var passed = tune(tuning, FIRST, start, Trainables.NOTHING, false).orElseThrow();

            assertSame(start, passed.state());
            assertEquals(List.of(), passed.curve());
            double wanted = expected(start, true, 7, 8, 9, 10, 11);
            assertEquals(wanted, tuning.error(SECOND, start), 1e-5 * wanted);
        });
    }

    @Test
    void stoppedItStaysWhereItIs() throws IOException {
        with(model, true, tuning -> {
            assertEquals(Optional.empty(), tune(tuning, FIRST, start, BIASES, true));
            assertTrue(Files.exists(folder.resolve("checkpoint.npz")));
            assertTrue(tune(tuning, FIRST, start, BIASES, false).isPresent());
        });
    }

    /** The second part only adds c to the output of the first one's bias: the end of the stage has the same error. */
    @Test
    void aPartLooksAtTheEndOfItsStage() throws IOException {
        var ahead = new Training(6, 4, 0, Distance.MSE, new Rates(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0), 2, 3);
        var behind = new Subgraph("behind first", List.of("h"), List.of("y"), Set.of());
        with(model, true, tuning -> {
            assertTrue(tuning.secondsAStep(FIRST, start, Optional.of(behind), BIASES, ahead) > 0);
            double before = tuning.error(FIRST, start);
            double both = tuning.tune(
                            FIRST,
                            start,
                            Optional.of(behind),
                            BIASES,
                            ahead,
                            folder.resolve("checkpoint.npz"),
                            () -> false,
                            Progress.none())
                    .orElseThrow()
                    .curve()
                    .getFirst()
                    .score();
            assertTrue(both > 1.2 * before, before + " became " + both);
        });
    }

    @Test
    void weightsAreRoundedOnSamplesThatAreNotHeldOut() throws IOException {
        with(model, true, tuning -> {
            var rounded = tuning.round(FIRST, start, Progress.none()).applyTo(start);

            var inputs = new SequentialRounding.Inputs(
                    IntStream.range(0, SPLIT.train())
                            .mapToObj(i -> new int[] {i})
                            .toList(),
                    this::sample,
                    this::sample);
            var wanted = new SequentialRounding(FIRST, model, start, Provider.cpu())
                    .apply(inputs, Progress.none())
                    .applyTo(start);
            var expected = wanted.model().initializers().get("v").toFloats();
            var actual = rounded.model().initializers().get("v").toFloats();
            for (int i = 0; i < expected.length; i++) {
                assertEquals(expected[i], actual[i], 1e-4);
            }
            assertNotEquals(
                    model.initializers().get("v"),
                    rounded.model().initializers().get("v"));
        });
    }

    private Map<String, Tensor> sample(int[] samples) {
        int sample = samples[0];
        return Map.of("ids", ids(sample / 4, 4, lengths[sample / 4]).rows(sample % 4, sample % 4 + 1));
    }

    @Test
    void aQuarterJudgesUnlessThereAreTooFew() {
        assertEquals(new Split(3, 3), Split.of(3));
        assertEquals(0, Split.of(3).judging());
        assertEquals(new Split(3, 4), Split.of(4));
        assertEquals(3, Split.of(4).judging());
        assertEquals(new Split(9, 11), Split.of(11));
    }

    @Test
    void whatWasSpilledIsGoneWhenTrainingFails() throws IOException {
        Files.writeString(folder.resolve("checkpoint.npz"), "no checkpoint");
        with(
                model,
                true,
                tuning -> assertThrows(RuntimeException.class, () -> tune(tuning, FIRST, start, BIASES, false)));
    }

    /** The weight has no batch axis, which is noticed when the activations before it are already on disk. */
    @Test
    void whatWasSpilledIsGoneWhenASubgraphEndsInNoActivation() throws IOException {
        var ending = new Subgraph("ending", List.of(), List.of("h", "w"), FIRST.nodes());
        with(model, true, tuning -> assertThrows(BadInput.class, () -> tuning.pass(ending, start)));
    }
}
