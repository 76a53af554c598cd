package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.gradient.train.Run;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.Trainables.Kind;
import dev.quantline.quantize.tune.Trainables.Weights;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A layer y = h + b between others, trained alone on hand-made inputs: two channels, weights that codes represent exactly. */
class ReconstructionTest {
    private static final long SEED = 13;
    private static final int SAMPLES = 64;
    private static final Split SPLIT = Split.of(SAMPLES);
    private static final Uniform EXACT = Uniform.symmetric(4, 1, new double[] {7, 7});
    private static final Uniform FINE = Uniform.asymmetric(8, -8, 8);
    private static final Trainables BIASES = new Trainables(Weights.FIXED, true, false, false, false);
    private static final Trainables GRID = new Trainables(Weights.FIXED, false, false, true, false);

    @TempDir
    private Path folder;

    private final float[] exact = gaussian(new Random(SEED));

    private static float[] gaussian(Random random) {
        var values = new float[2 * SAMPLES];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** {@code x -> h -> y -> z}, where z is y times a number per channel. */
    private static Graph model(float first, float second) {
        var builder = new GraphBuilder(17, SEED);
        String identity = builder.constant("first", Tensor.of(new float[] {1, 0, 0, 1}, 2, 2));
        builder.op("h", "MatMul", builder.input("x", DataType.FLOAT, -1, 2), identity);
        builder.op(
                "y",
                "Gemm",
                "h",
                builder.constant("w", Tensor.of(new float[] {1, 0, 0, 1}, 2, 2)),
                builder.constant("b", Tensor.vector(0f, 0f)));
        builder.op("z", "MatMul", "y", builder.constant("last", Tensor.of(new float[] {first, 0, 0, second}, 2, 2)));
        return builder.output("z", DataType.FLOAT, -1, 2).graph();
    }

    private static Training training(int steps, double floatShare, Distance loss, double rate, double ahead) {
        return new Training(
                steps, 16, floatShare, loss, new Rates(rate, rate, rate, rate, rate, rate, 0, rate), ahead, SEED);
    }

    /** The trained model and plan, and the training curve. */
    private record Trained(
            Graph model,
            QuantizationPlan plan,
            List<Run.Point> curve,
            Map<String, Tensor> values,
            Map<String, Kind> kinds) {
        double score(int point) {
            return curve.get(point).score();
        }

        List<Double> losses() {
            return curve.stream().skip(1).map(Run.Point::loss).toList();
        }

        double bias() {
            return model.initializers().get("b").get(0);
        }

        double step() {
            return ((Uniform) plan.activations().getFirst().quantizer()).scale()[0];
        }
    }

    /** The same inputs in both networks, whose float outputs are the inputs. */
    private Trained train(Uniform grid, Trainables trained, Training how) {
        return train(model(1, 1), grid, trained, how, exact, exact, exact, false);
    }

    private Trained train(
            Graph model,
            Uniform grid,
            Trainables trained,
            Training how,
            float[] inputs,
            float[] quantizedInputs,
            float[] outputs,
            boolean ahead) {
        return train(model, grid, EXACT, trained, how, inputs, quantizedInputs, outputs, ahead);
    }

    private Trained train(
            Graph model,
            Uniform grid,
            Uniform weights,
            Trainables trained,
            Training how,
            float[] inputs,
            float[] quantizedInputs,
            float[] outputs,
            boolean ahead) {
        var plan = new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("h", Set.of("y/Gemm"), grid, "fixed")),
                List.of(new QuantizationPlan.Weight("w", "y/Gemm", 1, weights)));
        var part = new Subgraph("part", List.of("h"), List.of("y"), Set.of("y/Gemm"));
        try (var fed = new Activations(folder, Map.of());
                var floats = new Activations(folder, Map.of());
                var quantized = new Activations(folder, Map.of());
                var targets = new Activations(folder, Map.of());
                var behind = new Activations(folder, Map.of())) {
            floats.append("h", Tensor.of(inputs, SAMPLES, 2), SAMPLES);
            quantized.append("h", Tensor.of(quantizedInputs, SAMPLES, 2), SAMPLES);
            targets.append("y", Tensor.of(outputs, SAMPLES, 2), SAMPLES);
            var last = model.initializers().get("last");
            var scaled = outputs.clone();
            for (int i = 0; i < scaled.length; i++) {
                scaled[i] *= last.floats().get(3 * (i % 2));
            }
            behind.append("z", Tensor.of(scaled, SAMPLES, 2), SAMPLES);
            var rest = new Subgraph("behind", List.of("y"), List.of("z"), Set.of());
            var data = new BlockData(
                    part,
                    fed,
                    floats,
                    quantized,
                    targets,
                    ahead ? Optional.of(new AcrossBlock(rest, behind)) : Optional.empty());
            var fakeQuant = new FakeQuantGraph(part, model, plan, trained, new RoundingRegularizer(0, how.steps()));
            var outcome = new Reconstruction(data, fakeQuant, model, how, SPLIT, Provider.cpu())
                    .run(folder.resolve("none.npz"), () -> false, Progress.none())
                    .orElseThrow();
            var tuned = fakeQuant.fold(outcome.values());
            return new Trained(
                    tuned.applyTo(model),
                    tuned.applyTo(plan, new SharedQuantizers(model, plan)),
                    outcome.curve(),
                    outcome.values(),
                    fakeQuant.parameters());
        }
    }

    @Test
    void theShareFromTheFloatNetworkIsWhatIsTrainedOn() {
        var off = exact.clone();
        for (int i = 0; i < off.length; i++) {
            off[i] += 1;
        }
        var model = model(1, 1);
        var onFloats = train(FINE, BIASES, training(6, 0, Distance.MSE, 0.1, 0));
        var onQuantized = train(model, FINE, BIASES, training(6, 0, Distance.MSE, 0.1, 0), exact, off, exact, false);
        var onAllFloats = train(model, FINE, BIASES, training(6, 1, Distance.MSE, 0.1, 0), exact, off, exact, false);
        var mixed = train(model, FINE, BIASES, training(6, 0.5, Distance.MSE, 0.1, 0), exact, off, exact, false);

        assertEquals(onFloats.losses(), onAllFloats.losses());
        assertEquals(onQuantized.score(0), onAllFloats.score(0), "judged on inputs from the quantized network");
        for (int i = 0; i < mixed.losses().size(); i++) {
            assertTrue(
                    onFloats.losses().get(i) < mixed.losses().get(i)
                            && mixed.losses().get(i) < onQuantized.losses().get(i),
                    onFloats.losses() + " " + mixed.losses() + " " + onQuantized.losses());
        }
    }

    @Test
    void absoluteErrorsAskForTheMedianAndSquaredOnesForTheMean() {
        // Given: inputs from the quantized network are 2 too large, every fourth time
        var off = exact.clone();
        for (int i = 0; i < off.length; i += 8) {
            off[i] += 2;
        }

        // When
        var median = train(model(1, 1), FINE, BIASES, training(80, 0, Distance.MAE, 0.5, 0), exact, off, exact, false);
        var mean = train(model(1, 1), FINE, BIASES, training(80, 0, Distance.MSE, 0.5, 0), exact, off, exact, false);

        // Then
        assertEquals(-0.5, mean.bias(), 0.1);
        assertEquals(0, median.bias(), 0.1);
    }

    @ParameterizedTest
    @EnumSource(Distance.class)
    void theScoreIsTheHeldOutDistanceOverTheMeanPowerOfWhatIsWanted(Distance distance) {
        // Given
        var grid = Uniform.asymmetric(3, -2, 2);
        var coarse = grid.fakeQuantize(Tensor.vector(exact)).toFloats();

        // When
        var trained = train(grid, BIASES, training(1, 0, distance, 0, 0));

        // Then
        double apart = 0;
        double power = 0;
        for (int i = 2 * SPLIT.train(); i < exact.length; i++) {
            apart += switch (distance) {
                case MSE -> Math.pow(coarse[i] - exact[i], 2);
                case MAE -> Math.abs(coarse[i] - exact[i]);
                case KL -> probability(exact, i) * Math.log(probability(exact, i) / probability(coarse, i));
            };
            power += switch (distance) {
                case MSE -> Math.pow(exact[i], 2);
                case MAE -> Math.abs(exact[i]);
                case KL -> 0.5;
            };
        }
        assertEquals(apart / power, trained.score(0), 1e-4 * apart / power, "seed " + SEED);
    }

    /** Softmax probability of a channel from the logits of its sample. */
    private static double probability(float[] logits, int i) {
        return 1 / (1 + Math.exp(logits[i ^ 1] - logits[i]));
    }

    @Test
    void aStageThatOnlyScalesIsAsFarAsItsBlock() {
        var coarse = Uniform.asymmetric(3, -2, 2);
        var alone = train(coarse, GRID, training(1, 0, Distance.MSE, 0, 0));

        for (double weight : new double[] {0.5, 1, 4}) {
            var both = train(
                    model(3, 3), coarse, GRID, training(1, 0, Distance.MSE, 0, weight), exact, exact, exact, true);

            assertEquals((1 + weight) * alone.score(0), both.score(0), 1e-3 * both.score(0));
        }
    }

    @Test
    void aBlockGivesUpWhatTheRestOfItsStageDoesNotLookAt() {
        // Given: the second channel, which the rest ignores, needs a range three times as wide as the first
        var wide = exact.clone();
        for (int i = 1; i < wide.length; i += 2) {
            wide[i] *= 3;
        }
        var grid = Uniform.asymmetric(3, -3, 3);

        // When
        var alone = train(model(1, 0), grid, GRID, training(60, 0, Distance.MSE, 0.01, 0), wide, wide, wide, false);
        var across = train(model(1, 0), grid, GRID, training(60, 0, Distance.MSE, 0.01, 20), wide, wide, wide, true);

        // Then
        assertTrue(
                across.step() < grid.scale()[0] && grid.scale()[0] < alone.step(), across.step() + " " + alone.step());
    }

    @ParameterizedTest
    @EnumSource(Weights.class)
    void everyKindLearnsAtItsOwnRate(Weights how) {
        // Given: the float layer outputs more than the quantized one, whose weights are rounded down and inputs cut off
        var more = exact.clone();
        for (int i = 0; i < more.length; i++) {
            more[i] = 1.4f * more[i] + 0.6f;
        }
        var grid = Uniform.asymmetric(4, -2, 1);
        var low = Uniform.symmetric(4, 1, new double[] {4.9, 4.9});
        var all = new Trainables(how, true, true, true, true, true);
        var kinds = EnumSet.allOf(Kind.class);
        kinds.removeIf(kind -> kind == Kind.WEIGHT && how != Weights.SHIFTED
                || kind == Kind.ROUNDING && how != Weights.ROUNDED
                || kind == Kind.WEIGHT_SCALE && how == Weights.ROUNDED);
        for (var kind : kinds) {
            var rates = new double[Kind.values().length];
            rates[kind.ordinal()] = 0.1;
            var training = new Training(
                    20,
                    16,
                    0,
                    Distance.MSE,
                    new Rates(
                            rates[Kind.WEIGHT.ordinal()],
                            rates[Kind.ROUNDING.ordinal()],
                            rates[Kind.BIAS.ordinal()],
                            rates[Kind.WEIGHT_SCALE.ordinal()],
                            rates[Kind.ACTIVATION_SCALE.ordinal()],
                            rates[Kind.AFFINE.ordinal()],
                            0,
                            rates[Kind.ZERO_POINT.ordinal()]),
                    0,
                    SEED);

            // When
            var frozen = train(model(1, 1), grid, low, all, training.withRates(0), exact, exact, more, false);
            var trained = train(model(1, 1), grid, low, all, training, exact, exact, more, false);

            // Then
            trained.kinds()
                    .forEach((name, what) -> assertEquals(
                            what != kind,
                            frozen.values().get(name).equals(trained.values().get(name)),
                            what + " where " + kind + " learns"));
            assertNotEquals(frozen.losses(), trained.losses());
        }
    }
}
