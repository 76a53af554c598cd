package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.linear.InputGram;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Tangent;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Granularity;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** At which widths pairs of codes are limited, and which scales are chosen by the error of the output. */
class CandidateLimitsTest {
    private static final int INPUTS = 16;
    private static final Uniform GRID = Uniform.asymmetric(8, -1, 1);

    @TempDir
    private Path folder;

    private static CalibrateSettings settings(int limit, Granularity granularity, Integer... widths) {
        var stated = "{granularity: '%s', block: 16, layernorm: 'off'}".formatted(granularity.word());
        return CalibrateSettings.of(stated, widths[0], 8, List.of())
                .withCandidates(List.of(widths))
                .withPairLimit(limit);
    }

    private static Graph product() {
        var builder = new GraphBuilder(17, 3);
        builder.op("y", "MatMul", builder.input("x", DataType.FLOAT, -1, INPUTS), builder.normal("w", 1, INPUTS, 6));
        return builder.output("y", DataType.FLOAT, -1, 6).graph();
    }

    private static List<QuantizationPlan.Activation> read(Quantizer quantizer) {
        return List.of(new QuantizationPlan.Activation("x", Set.of("y/MatMul"), quantizer, "mse"));
    }

    private static List<CalibrationTable.WeightCandidate> candidates(
            List<QuantizationPlan.Activation> read, CalibrateSettings settings, InputGram gram) {
        var model = product();
        return new WeightCandidates(model, Map.of(), read, settings, gram)
                .all(Placement.of(model, List.of()), Progress.none())
                .getFirst()
                .candidates();
    }

    private static List<Integer> limits(List<QuantizationPlan.Activation> read, CalibrateSettings settings) {
        return candidates(read, settings, InputGram.none()).stream()
                .map(scales -> scales.quantizer().pairLimit())
                .toList();
    }

    @Test
    void pairsAreLimitedWhereCodesCouldExceedTheLimitOnIntegerKernels() {
        var perChannel = Granularity.CHANNEL;

        // Two 7-bit codes add up to at least -128, and 9 bits run on no integer kernel.
        assertEquals(List.of(0, 0, 128, 0), limits(read(GRID), settings(128, perChannel, 4, 7, 8, 9)));
        assertEquals(List.of(0, 127, 127, 0), limits(read(GRID), settings(127, perChannel, 4, 7, 8, 9)));
        assertEquals(List.of(0), limits(read(GRID), settings(0, perChannel, 8)), "for processors that cannot saturate");
        assertEquals(
                List.of(0),
                limits(List.of(), settings(128, perChannel, 8)),
                "an input read as float is multiplied as float");
        assertEquals(
                List.of(0),
                limits(read(new Tangent(8, 1, 0.5, 1)), settings(128, perChannel, 8)),
                "as is one quantized along a curve");
        assertEquals(List.of(0), limits(read(GRID), settings(128, Granularity.BLOCK, 8)), "and blocks");
    }

    @Test
    void whatALimitCostsStandsBesideIt() {
        var all = candidates(read(GRID), settings(60, Granularity.CHANNEL, 4, 8), InputGram.none());
        var weight = product().initializers().get("w");

        assertNull(all.getFirst().free());
        var limited = all.getLast();
        assertEquals(60, limited.quantizer().pairLimit());
        assertEquals(WeightSearch.error(weight, limited.quantizer(), null), limited.error(), 1e-12);
        var free = candidates(List.of(), settings(60, Granularity.CHANNEL, 8), InputGram.none())
                .getFirst();
        assertEquals(free.error(), limited.free(), 1e-12);
        assertTrue(limited.error() > 2 * limited.free(), limited.error() + " and " + limited.free());
    }

    @Test
    void scalesOfChannelsFollowTheOutputWhereItsInputsAreKnown() throws IOException {
        // Given: positively correlated inputs
        var model = product();
        var random = new Random(5);
        var x = new float[64 * INPUTS];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (0.2 * random.nextGaussian())
                    + (i % INPUTS == 0 ? (float) random.nextGaussian() : x[i / INPUTS * INPUTS]);
        }
        try (var data =
                Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Map.of("x", Tensor.of(x, 64, INPUTS)))))) {
            var gram =
                    InputGram.of(model, new Samples(data, model, Map.of()), 0, 64, 8, Provider.cpu(), Progress.none());
            var node = model.nodes().getFirst();

            // When
            var channels = candidates(List.of(), settings(0, Granularity.CHANNEL, 3), gram)
                    .getFirst()
                    .quantizer();
            var blocks = candidates(List.of(), settings(0, Granularity.BLOCK, 3), gram)
                    .getFirst()
                    .quantizer();
            var all = candidates(List.of(), settings(0, Granularity.TENSOR, 3), gram)
                    .getFirst()
                    .quantizer();

            // Then
            assertEquals(
                    OutputSearch.choose(
                            LayerWeight.of(model, node).orElseThrow(),
                            3,
                            gram.of(model, node).orElseThrow()),
                    channels);
            assertNotEquals(
                    candidates(List.of(), settings(0, Granularity.CHANNEL, 3), InputGram.none())
                            .getFirst()
                            .quantizer(),
                    channels);
            assertEquals(16, blocks.block());
            assertEquals(Uniform.PER_TENSOR, all.axis());
        }
    }

    @Test
    void settingsInShortAreWhatTheySay() {
        var mse = ActivationRange.MSE;
        assertEquals(
                Recipes.calibrate(
                        mse,
                        WeightRange.MAX,
                        SoftmaxQuantizer.UNIFORM,
                        Migration.OFF,
                        8,
                        8,
                        List.of(),
                        CalibrateSettings.SAMPLES),
                CalibrateSettings.int8());
        assertEquals(
                Recipes.calibrate(
                        ActivationRange.AUTO,
                        WeightRange.AUTO,
                        SoftmaxQuantizer.AUTO,
                        Migration.SEARCH,
                        4,
                        6,
                        List.of("a"),
                        CalibrateSettings.SAMPLES),
                CalibrateSettings.searched(4, 6, List.of("a")));
        assertEquals(
                List.of(2, 4, 8),
                CalibrateSettings.int8().withCandidates(List.of(4, 8, 2)).widths(8));
    }
}
