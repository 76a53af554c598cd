package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class NormalizationTuningTest {
    private static final int SAMPLES = 64;
    private static final int CHANNELS = 5;
    private static final Split SPLIT = Split.of(SAMPLES);

    @TempDir
    private Path folder;

    private interface Task {
        void on(State start, State tuned, HeldOutError heldOut);
    }

    private void tuned(int bits, Task task) throws IOException {
        var model = PreparedModel.prepare(Networks.conv(5));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.images(SAMPLES, 6))))) {
            var samples = new Samples(data, model, Map.of());
            var stages = Stages.run(model, samples, CalibrateSettings.plain(ActivationRange.MSE, bits, 8, List.of()));
            var start = new State(stages.model(), stages.plan());
            var tuned = NormalizationTuning.apply(
                    start, stages.model(), samples, SPLIT, 16, Provider.cpu(), Progress.none());
            task.on(start, tuned, new HeldOutError(stages.model(), samples, SPLIT, false, 16, Provider.cpu()));
        }
    }

    @Test
    void codesStayAndTheOutputComesCloser() throws IOException {
        tuned(2, (start, tuned, heldOut) -> {
            for (var weight : tuned.plan().weights()) {
                var before = start.plan().weightOf(weight.node()).orElseThrow();
                assertEquals(
                        before.quantizer().quantize(start.model().initializers().get(weight.tensor())),
                        weight.quantizer().quantize(tuned.model().initializers().get(weight.tensor())),
                        weight.tensor());
            }
            double before = heldOut.error(start, Progress.none());
            double after = heldOut.error(tuned, Progress.none());
            assertTrue(after < before, before + " -> " + after);
        });
    }

    @Test
    void whatIsRightAlreadyStays() throws IOException {
        tuned(8, (start, tuned, heldOut) -> {
            for (var weight : tuned.plan().weights()) {
                var before = start.plan()
                        .weightOf(weight.node())
                        .orElseThrow()
                        .quantizer()
                        .scale();
                for (int c = 0; c < before.length; c++) {
                    assertEquals(1, weight.quantizer().scale()[c] / before[c], 0.03, weight.tensor());
                }
            }
            assertClose(start.model().initializers(), tuned.model().initializers());
        });
    }

    /** Two-bit weights and a single layer, so that nothing else is off. */
    @Test
    void channelsGetBackTheMeanAndTheDeviationTheyHaveInTheFloatNetwork() throws IOException {
        // Given
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Conv",
                builder.input("image", DataType.FLOAT, -1, 3, Networks.SIDE, Networks.SIDE),
                builder.normal("w", .4, CHANNELS, 3, 3, 3),
                builder.between("b", -1, 1, CHANNELS));
        var model = builder.output("y", DataType.FLOAT, -1, CHANNELS, Networks.SIDE - 2, Networks.SIDE - 2)
                .graph();
        var largest = new double[CHANNELS];
        Arrays.fill(largest, 0.7);
        var plan = new QuantizationPlan(
                List.of(), List.of(new QuantizationPlan.Weight("w", "y/Conv", 1, Uniform.symmetric(2, 0, largest))));
        var images = Data.images(SAMPLES, 6).get("image").toFloats();
        for (int i = 0; i < images.length; i++) {
            images[i] += 0.5f;
        }
        var arrays = Map.of("image", Tensor.of(images, SAMPLES, 3, Networks.SIDE, Networks.SIDE));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, Map.of());

            // When: all samples that are not held out at once
            var tuned = NormalizationTuning.apply(
                    new State(model, plan), model, samples, SPLIT, SPLIT.train(), Provider.cpu(), Progress.none());

            // Then
            var seen = Map.of("image", arrays.get("image").rows(0, SPLIT.train()));
            var wanted = moments(model, seen);
            var before = moments(plan.applyTo(model), seen);
            var after = moments(tuned.plan().applyTo(tuned.model()), seen);
            for (int c = 0; c < CHANNELS; c++) {
                assertEquals(wanted[c][0], after[c][0], 0.02, "mean of channel " + c);
                assertEquals(wanted[c][1], after[c][1], 0.01 * wanted[c][1], "deviation of channel " + c);
            }
            assertTrue(
                    IntStream.range(0, CHANNELS).anyMatch(c -> Math.abs(wanted[c][0] - before[c][0]) > 0.1),
                    "the plan must hurt");
        }
    }

    /** Mean and deviation of each channel of y. */
    private static double[][] moments(Graph graph, Map<String, Tensor> data) {
        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
            var y = session.run(data).get("y");
            int pixels = y.size() / y.dim(0) / CHANNELS;
            var moments = new double[CHANNELS][2];
            for (int c = 0; c < CHANNELS; c++) {
                int channel = c;
                var values = IntStream.range(0, y.size())
                        .filter(i -> i / pixels % CHANNELS == channel)
                        .mapToDouble(y::get)
                        .toArray();
                double mean = Arrays.stream(values).average().orElseThrow();
                double variance = Arrays.stream(values)
                        .map(value -> Math.pow(value - mean, 2))
                        .average()
                        .orElseThrow();
                moments[c] = new double[] {mean, Math.sqrt(variance)};
            }
            return moments;
        }
    }

    private static void assertClose(Map<String, Tensor> expected, Map<String, Tensor> actual) {
        expected.forEach((name, tensor) -> {
            for (int i = 0; i < tensor.size() && tensor.type().isFloating(); i++) {
                assertEquals(tensor.get(i), actual.get(name).get(i), 0.1, name);
            }
        });
    }
}
