package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Granularity;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Scales of constants, which depend on what the surrounding layers read and add. */
class WeightCandidatesTest {
    private static final int ROWS = 200;
    private static final int INPUTS = 16;
    private static final int OUTPUTS = 6;

    private static CalibrateSettings settings(int bits, Granularity granularity) {
        var stated = "{weights: 'mse', granularity: '%s', block: 16, layernorm: 'off'}".formatted(granularity.word());
        return CalibrateSettings.of(stated, bits, 8, List.of()).withPairLimit(0);
    }

    private static List<CalibrationTable.Weight> constants(
            Graph model,
            Map<String, TensorProfile> profiles,
            List<QuantizationPlan.Activation> activations,
            CalibrateSettings settings) {
        return new WeightCandidates(model, profiles, activations, settings, InputGram.none())
                .all(Placement.of(model, List.of()), Progress.none());
    }

    private static Graph product() {
        var builder = new GraphBuilder(17, 3);
        builder.op(
                "y", "MatMul", builder.input("x", DataType.FLOAT, -1, INPUTS), builder.normal("w", 1, INPUTS, OUTPUTS));
        return builder.output("y", DataType.FLOAT, -1, OUTPUTS).graph();
    }

    /** Rows whose channels have powers from a hundredth to a hundred. */
    private static Tensor uneven() {
        var random = new Random(4);
        var values = new float[ROWS * INPUTS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(10, i % INPUTS % 5 / 2.0 - 1));
        }
        return Tensor.of(values, ROWS, INPUTS);
    }

    private static double outputError(Tensor x, Tensor weight, Uniform quantizer) {
        var rounded = quantizer.fakeQuantize(weight);
        double sum = 0;
        for (int row = 0; row < ROWS; row++) {
            for (int o = 0; o < OUTPUTS; o++) {
                double y = 0;
                for (int i = 0; i < INPUTS; i++) {
                    y += x.get(row * INPUTS + i) * (rounded.get(i * OUTPUTS + o) - weight.get(i * OUTPUTS + o));
                }
                sum += y * y;
            }
        }
        return sum;
    }

    @Test
    void scalesServeTheChannelsThatCarryTheInput() {
        // Given
        var model = product();
        var x = uneven();
        var weight = model.initializers().get("w");

        // When
        var profiles = Map.of("x", TensorProfile.of("x", -1, List.of(x)));
        var scales = constants(model, profiles, List.of(), settings(3, Granularity.CHANNEL))
                .getFirst()
                .candidates()
                .getFirst();

        // Then
        var blind = WeightSearch.choose(weight, 3, 1, 0, null, new RangeCriterion.Mse());
        double with = outputError(x, weight, scales.quantizer());
        double without = outputError(x, weight, blind);
        assertTrue(with < .9 * without, with + " against " + without);
        double signal =
                outputError(x, weight, new Uniform(2, true, Uniform.PER_TENSOR, new float[] {1e6f}, new int[1]));
        assertEquals(
                with / signal,
                scales.error(),
                .15 * scales.error(),
                "the error of the table is close to that of the output");
    }

    @Test
    void biasesFitIntoInt32AndNoScaleIsWidenedForNothing() {
        // Given: weights of one channel nearly 0, and biases of 1 and of 1000
        var builder = new GraphBuilder(17, 5);
        builder.op(
                "y",
                "Gemm",
                builder.input("x", DataType.FLOAT, -1, INPUTS),
                builder.normal("w", 1, INPUTS, 4),
                builder.constant("b", Tensor.vector(1f, -1000f, 1000f, 0f)));
        var model = builder.output("y", DataType.FLOAT, -1, 4).graph();
        var w = model.initializers().get("w").floats();
        for (int i = 0; i < INPUTS; i++) {
            w.put(4 * i + 1, w.get(4 * i + 1) * 1e-9f);
        }
        float step = .02f;
        var read = new QuantizationPlan.Activation(
                "x",
                Set.of("y/Gemm"),
                new Uniform(8, false, Uniform.PER_TENSOR, new float[] {step}, new int[] {128}),
                "mse");

        // When
        var plain = constants(model, Map.of(), List.of(), settings(8, Granularity.CHANNEL))
                .getFirst()
                .candidates()
                .getFirst();
        var roomy = constants(model, Map.of(), List.of(read), settings(8, Granularity.CHANNEL))
                .getFirst()
                .candidates()
                .getFirst();

        // Then
        for (int c = 0; c < 4; c++) {
            double bias = model.initializers().get("b").get(c)
                    / (step * roomy.quantizer().scale()[c]);
            assertTrue(Math.abs(bias) <= (1 << 30) * 1.0001, "bias " + bias);
            if (c != 1) {
                assertEquals(plain.quantizer().scale()[c], roomy.quantizer().scale()[c]);
            }
        }
        assertEquals(1 << 30, 1000 / (step * roomy.quantizer().scale()[1]), 1 << 20, "no wider than needed");
    }

    @Test
    void blocksAreForMatricesAndTablesKeepColumns() {
        // Given
        var builder = new GraphBuilder(17, 6);
        builder.input("ids", DataType.INT64, -1);
        String words = builder.op("words", "Gather", builder.normal("table", 1, 512, 32), "ids");
        builder.op("y", "MatMul", words, builder.normal("w", 1, 32, 5));
        builder.op("t", "Gemm", Map.of("transB", 1L), words, builder.normal("v", 1, 5, 32));
        builder.op(
                "c", "Conv", builder.input("image", DataType.FLOAT, -1, 32, 3, 3), builder.normal("k", 1, 4, 32, 1, 1));
        var model = builder.output("y", DataType.FLOAT, -1, 5)
                .output("t", DataType.FLOAT, -1, 5)
                .output("c", DataType.FLOAT, -1, 4, 3, 3)
                .graph();

        // Then: scales and the axis that they lie along
        assertEquals(
                Map.of("table", "32 on 1", "w", "5 on 1", "v", "5 on 0", "k", "4 on 0"),
                layout(model, Granularity.CHANNEL));
        assertEquals(
                Map.of("table", "32 on 1", "w", "10 on 0 by 16", "v", "10 on 1 by 16", "k", "4 on 0"),
                layout(model, Granularity.BLOCK));
        assertEquals(
                Map.of("table", "32 on 1", "w", "1 on -1", "v", "1 on -1", "k", "1 on -1"),
                layout(model, Granularity.TENSOR));
    }

    private static Map<String, String> layout(Graph model, Granularity granularity) {
        var layout = new HashMap<String, String>();
        for (var constant : constants(model, Map.of(), List.of(), settings(4, granularity))) {
            var scales = constant.candidates().getFirst().quantizer();
            layout.put(
                    constant.tensor(),
                    scales.scale().length + " on " + scales.axis()
                            + (scales.block() > 0 ? " by " + scales.block() : ""));
            assertEquals(constant.tensor().equals("table") ? 8 : 4, scales.bits(), constant.tensor());
        }
        return layout;
    }

    @Test
    void progressIsTheShareOfConstantsThatAreDone() {
        var seen = new ArrayList<Double>();
        var builder = new GraphBuilder(17, 3);
        String h = builder.op("h", "MatMul", builder.input("x", DataType.FLOAT, -1, 4), builder.normal("w", 1, 4, 4));
        builder.op("y", "MatMul", h, builder.normal("v", 1, 4, 4));
        var model = builder.output("y", DataType.FLOAT, -1, 4).graph();

        new WeightCandidates(model, Map.of(), List.of(), settings(4, Granularity.CHANNEL), InputGram.none())
                .all(Placement.of(model, List.of()), (done, what) -> seen.add(done));

        assertEquals(List.of(.5, 1.0), seen);
    }
}
