package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
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
import dev.quantline.quantize.tune.Trainables.Weights;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** One layer of two channels with a trained bias: the weight of its stage, and that it resumes where it stopped. */
class ReconstructionRunTest {
    private static final long SEED = 19;
    private static final int SAMPLES = 64;
    private static final Split SPLIT = Split.of(SAMPLES);
    private static final Uniform EXACT = Uniform.symmetric(4, 1, new double[] {7, 7});
    private static final Uniform COARSE = Uniform.asymmetric(3, -2, 2);
    private static final Trainables BIASES = new Trainables(Weights.FIXED, true, false, false, false);

    @TempDir
    private Path folder;

    private final float[] inputs = new float[2 * SAMPLES];
    private Activations fed;
    private Activations given;
    private Activations targets;
    private Activations behind;

    @BeforeEach
    void open() {
        var random = new Random(SEED);
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = (float) random.nextGaussian();
        }
        fed = new Activations(folder, Map.of());
        given = new Activations(folder, Map.of());
        targets = new Activations(folder, Map.of());
        behind = new Activations(folder, Map.of());
        given.append("h", Tensor.of(inputs, SAMPLES, 2), SAMPLES);
        targets.append("y", Tensor.of(inputs, SAMPLES, 2), SAMPLES);
    }

    @AfterEach
    void close() {
        List.of(fed, given, targets, behind).forEach(Activations::close);
    }

    /** {@code h -> y -> z}: y is h, and z is y times a number per channel. */
    private static Graph model(float first, float second) {
        var builder = new GraphBuilder(17, SEED);
        builder.op(
                "h",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, 2),
                builder.constant("first", Tensor.of(new float[] {1, 0, 0, 1}, 2, 2)));
        builder.op(
                "y",
                "Gemm",
                "h",
                builder.constant("w", Tensor.of(new float[] {1, 0, 0, 1}, 2, 2)),
                builder.constant("b", Tensor.vector(0f, 0f)));
        builder.op("z", "MatMul", "y", builder.constant("last", Tensor.of(new float[] {first, 0, 0, second}, 2, 2)));
        return builder.output("z", DataType.FLOAT, -1, 2).graph();
    }

    /** @param scales of the rest of the stage, by channel; none if the loss does not include it */
    private Reconstruction reconstruction(Training training, float... scales) {
        boolean ahead = scales.length > 0;
        var model = ahead ? model(scales[0], scales[1]) : model(1, 1);
        if (ahead) {
            var scaled = inputs.clone();
            for (int i = 0; i < scaled.length; i++) {
                scaled[i] *= scales[i % 2];
            }
            behind.append("z", Tensor.of(scaled, SAMPLES, 2), SAMPLES);
        }
        var plan = new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("h", Set.of("y/Gemm"), COARSE, "fixed")),
                List.of(new QuantizationPlan.Weight("w", "y/Gemm", 1, EXACT)));
        var part = new Subgraph("part", List.of("h"), List.of("y"), Set.of("y/Gemm"));
        var rest = new Subgraph("behind", List.of("y"), List.of("z"), Set.of());
        var data = new BlockData(
                part,
                fed,
                given,
                given,
                targets,
                ahead ? Optional.of(new AcrossBlock(rest, behind)) : Optional.empty());
        var fakeQuant = new FakeQuantGraph(part, model, plan, BIASES, new RoundingRegularizer(0, training.steps()));
        return new Reconstruction(data, fakeQuant, model, training, SPLIT, Provider.cpu());
    }

    private static Training training(int steps, int batch, double ahead) {
        return new Training(steps, batch, 0, Distance.MSE, new Rates(0, 0, 0.1, 0, 0, 0, 0, 0), ahead, SEED);
    }

    private Optional<Reconstruction.Outcome> run(Reconstruction reconstruction, BooleanSupplier stop) {
        return reconstruction.run(folder.resolve("checkpoint.npz"), stop, Progress.none());
    }

    /** Rounding errors of one channel: their sum over some samples, and the sum of their squares. */
    private double[] off(int from, int to, int channel) {
        var sums = new double[2];
        for (int sample = from; sample < to; sample++) {
            float x = inputs[2 * sample + channel];
            double off = COARSE.dequantize(COARSE.quantize(x, 0), 0) - x;
            sums[0] += off;
            sums[1] += off * off;
        }
        return sums;
    }

    private double power(int channel) {
        double sum = 0;
        for (int sample = SPLIT.judging(); sample < SAMPLES; sample++) {
            sum += Math.pow(inputs[2 * sample + channel], 2);
        }
        return sum;
    }

    /** At the start both gradients have the same norm, whatever the stage does to the outputs; all samples make one batch. */
    @ParameterizedTest
    @CsvSource({"1, 0", "3, 0", "2, 0.5", "0.1, 4"})
    void theEndOfTheStageWeighsAsMuchAsTheOutputWhateverItsScale(float first, float second) {
        var training = training(1, SPLIT.train(), 2);

        double score = run(reconstruction(training, first, second), () -> false)
                .orElseThrow()
                .curve()
                .getFirst()
                .score();

        double powers = power(0) + power(1);
        double scaledPowers = first * first * power(0) + second * second * power(1);
        double near = Math.hypot(off(0, SPLIT.train(), 0)[0], off(0, SPLIT.train(), 1)[0]) / powers;
        double far =
                Math.hypot(first * first * off(0, SPLIT.train(), 0)[0], second * second * off(0, SPLIT.train(), 1)[0])
                        / scaledPowers;
        double[] errors = {off(SPLIT.judging(), SAMPLES, 0)[1], off(SPLIT.judging(), SAMPLES, 1)[1]};
        double expected = (errors[0] + errors[1]) / powers
                + 2 * near / far * (first * first * errors[0] + second * second * errors[1]) / scaledPowers;
        assertEquals(expected, score, 1e-3 * expected, "seed " + SEED);
    }

    @Test
    void aStageThatLooksAtNothingWeighsNothing() {
        double score = run(reconstruction(training(1, 16, 2), 0, 0), () -> false)
                .orElseThrow()
                .curve()
                .getFirst()
                .score();
        double alone = run(reconstruction(training(1, 16, 2)), () -> false)
                .orElseThrow()
                .curve()
                .getFirst()
                .score();

        assertEquals(alone, score, 1e-6);
    }

    @Test
    void stoppedAnywhereItGoesOnToTheSameValues() {
        var checkpoint = folder.resolve("checkpoint.npz");
        var unbroken = run(reconstruction(training(12, 16, 0)), () -> false).orElseThrow();
        assertFalse(Files.exists(checkpoint), "nothing is left where nothing was stopped");

        var asked = new int[1];
        assertTrue(
                run(reconstruction(training(12, 16, 0)), () -> asked[0]++ == 5).isEmpty());
        assertTrue(Files.exists(checkpoint));
        var heard = new ArrayList<Double>();
        var resumed = reconstruction(training(12, 16, 0))
                .run(checkpoint, () -> false, (done, message) -> heard.add(done))
                .orElseThrow();

        assertEquals(unbroken.values(), resumed.values());
        assertEquals(unbroken.curve(), resumed.curve());
        assertEquals(7, heard.size(), "five of twelve steps are taken already");
        assertFalse(Files.exists(checkpoint), "the next piece must not resume from this one's");
    }

    @Test
    void everyHeldOutSampleJudgesSixTimes() {
        // Given batches with half of the held-out samples each
        var curve = run(reconstruction(training(12, 8, 0)), () -> false)
                .orElseThrow()
                .curve();

        double errors = off(SPLIT.judging(), SAMPLES, 0)[1] + off(SPLIT.judging(), SAMPLES, 1)[1];
        assertEquals(errors / (power(0) + power(1)), curve.getFirst().score(), 1e-5);
        assertEquals(
                List.of(0, 2, 4, 6, 8, 10, 12),
                curve.stream().map(point -> point.step()).toList());
    }

    @Test
    void aStepTakesLessThanTheWholeMeasurement() {
        long began = System.nanoTime();

        double seconds = reconstruction(training(12, 16, 0.5), 1, 2).secondsAStep();

        // Four steps are measured after a first one.
        double all = (System.nanoTime() - began) / 1e9;
        assertTrue(seconds > 0 && 4 * seconds < all, seconds + " of " + all);
    }
}
