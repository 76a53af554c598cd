package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** {@code y = x w} with w rounded to whole numbers. */
class HeldOutErrorTest {
    private static final int CHANNELS = 3;
    private static final int SAMPLES = 10;
    private static final Split SPLIT = new Split(5, SAMPLES);
    private static final float[] EXACT = {0.7f, -1.2f, 2.4f, 1.6f, 0.3f, -0.6f, 2.2f, -0.1f, 0.9f};
    private static final QuantizationPlan PLAN = new QuantizationPlan(
            List.of(),
            List.of(new QuantizationPlan.Weight(
                    "w", "y/MatMul", 1, Uniform.symmetric(4, Uniform.PER_TENSOR, new double[] {7}))));

    @TempDir
    private Path folder;

    private final float[] x = inputs();

    private static float[] inputs() {
        var random = new Random(7);
        var inputs = new float[SAMPLES * CHANNELS];
        for (int i = 0; i < inputs.length; i++) {
            inputs[i] = (float) random.nextGaussian();
        }
        return inputs;
    }

    private static Graph model(long samples) {
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, samples, CHANNELS),
                builder.constant("w", Tensor.of(EXACT, CHANNELS, CHANNELS)));
        return builder.output("y", DataType.FLOAT, samples, CHANNELS).graph();
    }

    private double error(Graph model, boolean logits, int batch, Progress progress) throws IOException {
        try (var data = Dataset.open(
                List.of(Data.write(folder.resolve("x.npz"), Map.of("x", Tensor.of(x, SAMPLES, CHANNELS)))))) {
            var heldOut =
                    new HeldOutError(model, new Samples(data, model, Map.of()), SPLIT, logits, batch, Provider.cpu());
            return heldOut.error(new State(model, PLAN), progress);
        }
    }

    private double[] output(int sample, boolean rounded) {
        var y = new double[CHANNELS];
        for (int i = 0; i < CHANNELS * CHANNELS; i++) {
            y[i % CHANNELS] += x[sample * CHANNELS + i / CHANNELS] * (rounded ? Math.rint(EXACT[i]) : EXACT[i]);
        }
        return y;
    }

    private static double divergence(double[] one, double[] two) {
        double first = 0;
        double second = 0;
        for (int c = 0; c < CHANNELS; c++) {
            first += Math.exp(one[c]);
            second += Math.exp(two[c]);
        }
        double sum = 0;
        for (int c = 0; c < CHANNELS; c++) {
            sum += Math.exp(one[c]) / first * (one[c] - Math.log(first) - two[c] + Math.log(second));
        }
        return sum;
    }

    @Test
    void outputsAreComparedByTheirSquaredErrorOverTheirPowerAndLogitsByTheirDivergence() throws IOException {
        double noise = 0;
        double power = 0;
        double divergence = 0;
        for (int sample = SPLIT.judging(); sample < SAMPLES; sample++) {
            var wanted = output(sample, false);
            var given = output(sample, true);
            for (int c = 0; c < CHANNELS; c++) {
                noise += Math.pow(given[c] - wanted[c], 2);
                power += Math.pow(wanted[c], 2);
            }
            divergence += divergence(wanted, given);
        }
        for (int batch : new int[] {2, SAMPLES}) {
            assertEquals(noise / power, error(model(-1), false, batch, Progress.none()), 1e-5);
            assertEquals(
                    divergence / (SAMPLES - SPLIT.judging()), error(model(-1), true, batch, Progress.none()), 1e-5);
        }
    }

    @Test
    void progressRunsFromTheFirstHeldOutSampleToTheLast() throws IOException {
        var heard = new ArrayList<Double>();

        error(model(-1), false, 2, (done, message) -> heard.add(done));

        assertArrayEquals(
                new double[] {2 / 5.0, 4 / 5.0, 1},
                heard.stream().mapToDouble(done -> done).toArray(),
                1e-12);
    }

    @Test
    void nothingIsSaidWhereSamplesFillNoBatch() throws IOException {
        for (boolean logits : new boolean[] {false, true}) {
            assertTrue(Double.isNaN(error(model(SAMPLES - 1), logits, 1, Progress.none())));
        }
    }
}
