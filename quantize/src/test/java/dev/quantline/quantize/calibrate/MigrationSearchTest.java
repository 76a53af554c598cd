package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Checks what bringing channels to a common scale achieves. */
class MigrationSearchTest {
    private static final int ROWS = 64;
    private static final int CHANNELS = 9;
    private static final int BITS = 8;

    @TempDir
    private Path folder;

    private static CalibrateSettings settings(Migration migration, int activationBits) {
        return Recipes.calibrate(
                ActivationRange.MSE,
                WeightRange.MSE,
                SoftmaxQuantizer.UNIFORM,
                migration,
                8,
                activationBits,
                List.of(),
                ROWS);
    }

    /** Channels of widths 1 to 9 around -4 to 4; the last reaches a hundred times as far if {@code outlier}. */
    private static Tensor uneven(boolean outlier) {
        var random = new Random(31);
        var values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            int c = i % CHANNELS;
            values[i] = (c - 4) * .7f + (1 + c) * (random.nextFloat() - .5f) * (outlier && c == CHANNELS - 1 ? 100 : 1);
        }
        return Tensor.of(values, ROWS, CHANNELS);
    }

    private static ChannelMoves.Move fixed(Migration migration, Tensor values) {
        return new MigrationSearch(settings(migration, BITS))
                .fixed(TensorProfile.of("x", -1, List.of(values)))
                .orElseThrow();
    }

    private static float[] channel(Tensor values, int c) {
        var channel = new float[ROWS];
        for (int row = 0; row < ROWS; row++) {
            channel[row] = (float) values.get(row * CHANNELS + c);
        }
        return channel;
    }

    private static float min(float[] values) {
        float min = values[0];
        for (float value : values) {
            min = Math.min(min, value);
        }
        return min;
    }

    private static float max(float[] values) {
        float max = values[0];
        for (float value : values) {
            max = Math.max(max, value);
        }
        return max;
    }

    @ParameterizedTest
    @EnumSource(
            value = Migration.class,
            names = {"MEAN", "MEDIAN"})
    void everyChannelFillsTheCommonGrid(Migration migration) {
        // Given
        var x = uneven(true);

        // When
        var moved = MigrationSearch.migrate(x, fixed(migration, x));

        // Then: all channels begin and end at the same numbers, 2^bits - 1 common steps apart
        float low = min(channel(moved, 0));
        float high = max(channel(moved, 0));
        for (int c = 1; c < CHANNELS; c++) {
            assertEquals(low, min(channel(moved, c)), 1e-3 * (high - low), "channel " + c);
            assertEquals(high, max(channel(moved, c)), 1e-3 * (high - low), "channel " + c);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Migration.class,
            names = {"MEAN", "MEDIAN"})
    void oneGridAfterTheMoveGivesTheCodesOfAGridForEachChannel(Migration migration) {
        var x = uneven(false);
        var moved = MigrationSearch.migrate(x, fixed(migration, x));

        var common = Uniform.asymmetric(BITS, min(moved.toFloats()), max(moved.toFloats()));
        int different = 0;
        for (int c = 0; c < CHANNELS; c++) {
            var before = channel(x, c);
            var after = channel(moved, c);
            double step = ((double) max(before) - min(before)) / ((1 << BITS) - 1);
            for (int row = 0; row < ROWS; row++) {
                // A channel's own codes counted from its minimum, as on a grid that need not contain 0.
                long own = Math.round((before[row] - min(before)) / step);
                different += Math.abs(common.quantize(after[row], 0) - own) > 1 ? 1 : 0;
            }
        }
        assertEquals(
                0, different, "codes of " + ROWS * CHANNELS + " that differ by more than the rounding of a zero point");
    }

    @Test
    void theMedianLeavesHalfOfTheChannelsAboveAndHalfBelowAndOneOutlierDoesNotMoveIt() {
        var ratio = fixed(Migration.MEDIAN, uneven(true)).ratio();
        var without = fixed(Migration.MEDIAN, uneven(false));
        Arrays.sort(ratio);

        assertEquals(1, ratio[CHANNELS / 2], 1e-6, "the middle channel keeps its scale");
        var with = fixed(Migration.MEDIAN, uneven(true));
        assertArrayEquals(
                Arrays.copyOf(without.ratio(), CHANNELS - 1), Arrays.copyOf(with.ratio(), CHANNELS - 1), 1e-6f);
        // Likewise for zero points: as many channels move up as down, however far the first has to.
        int up = 0;
        int down = 0;
        for (int c = 0; c < CHANNELS; c++) {
            double steps = without.shift()[c] / without.ratio()[c];
            up += steps > 0 ? 1 : 0;
            down += steps < 0 ? 1 : 0;
        }
        assertTrue(up >= CHANNELS / 2 && down >= CHANNELS / 2, up + " up and " + down + " down");
    }

    @Test
    void theMeanIsTheCentreOfMassAndFollowsAnOutlier() {
        var ratio = fixed(Migration.MEAN, uneven(true)).ratio();
        double sum = 0;
        for (float one : ratio) {
            sum += one;
        }

        assertEquals(CHANNELS, sum, 1e-4, "scales in units of their mean");
        Arrays.sort(ratio);
        assertTrue(ratio[CHANNELS - 2] < 1, "an outlier lifts the mean above all others");
    }

    @Test
    void anEvenNumberOfChannelsHasItsMedianBetweenTheMiddleTwo() {
        var x = Tensor.of(new float[] {0, 0, 0, 0, 8, 1, 4, 2}, 2, 4);

        var ratio = fixed(Migration.MEDIAN, x).ratio();

        assertArrayEquals(new float[] {8 / 3f, 1 / 3f, 4 / 3f, 2 / 3f}, ratio, 1e-6f);
    }

    @Test
    void aDeadChannelKeepsAScale() {
        var values = uneven(false).toFloats();
        for (int i = 3; i < values.length; i += CHANNELS) {
            values[i] = 2;
        }
        var x = Tensor.of(values, ROWS, CHANNELS);

        var choice = fixed(Migration.MEDIAN, x);

        assertTrue(choice.ratio()[3] > 0, Arrays.toString(choice.ratio()));
        for (float value : MigrationSearch.migrate(x, choice).toFloats()) {
            assertTrue(Float.isFinite(value));
        }
    }

    @Test
    void withoutChannelsThereIsNothingToMove() {
        assertTrue(new MigrationSearch(settings(Migration.MEDIAN, BITS))
                .fixed(TensorProfile.of("x", -1, List.of(Tensor.of(new float[] {1, 2, 3}, 3, 1))))
                .isEmpty());
    }

    /** {@code x [., 9] -> y [., 5]} by a product, with or without a bias. */
    private static Graph reader(boolean bias) {
        var builder = new GraphBuilder(17, 7);
        String product = builder.op(
                bias ? "product" : "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, CHANNELS),
                builder.normal("w", .3, CHANNELS, 5));
        if (bias) {
            builder.op("y", "Add", product, builder.normal("b", .3, 5));
        }
        return builder.output("y", DataType.FLOAT, -1, 5).graph();
    }

    private Optional<ChannelMoves.Move> best(Graph model, Tensor x, boolean norm, int bits) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Map.of("x", x))));
                var captured = new ActivationSample(model, List.of("x"), List.of("x"))
                        .run(new Samples(data, model, Map.of()), ROWS, ROWS, Provider.cpu(), Spilling.usual())) {
            List<Node> readers = model.index().consumers("x");
            try (var error = new ConsumerError(model, readers, captured, Spilling.usual(), Provider.cpu())) {
                return new MigrationSearch(settings(Migration.SEARCH, bits))
                        .best(model, TensorProfile.of("x", -1, List.of(x)), norm, readers, captured, error);
            }
        }
    }

    @Test
    void aTransposedReaderGetsTheSameChoice() throws IOException {
        // Given: the same weight in a MatMul and, transposed, in a Gemm
        var model = reader(false);
        var w = model.initializers().get("w");
        var turned = new float[w.size()];
        for (int i = 0; i < turned.length; i++) {
            turned[i % 5 * CHANNELS + i / 5] = (float) w.get(i);
        }
        var builder = new GraphBuilder(17, 7);
        builder.op(
                "y",
                "Gemm",
                Map.of("transB", 1L),
                builder.input("x", DataType.FLOAT, -1, CHANNELS),
                builder.constant("w", Tensor.of(turned, 5, CHANNELS)));
        var gemm = builder.output("y", DataType.FLOAT, -1, 5).graph();
        var x = uneven(true);

        // When
        var one = best(model, x, true, 4).orElseThrow();
        var other = best(gemm, x, true, 4).orElseThrow();

        // Then
        assertArrayEquals(one.ratio(), other.ratio(), 1e-6f);
        assertArrayEquals(one.shift(), other.shift(), 1e-4f);
    }

    @Test
    void oneOutlierDoesNotDecideForItsChannel() throws IOException {
        // Given: narrow and wide channels, each around its own centre; one value at each end makes all narrow ones five
        // times as wide
        var random = new Random(9);
        var values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            int c = i % CHANNELS;
            values[i] = (float) random.nextGaussian() * (c < 5 ? .1f : 1) + c - 4;
        }
        for (int c = 0; c < 5; c++) {
            values[c] = c - 4 + .5f;
            values[CHANNELS + c] = c - 4 - .5f;
        }
        var x = Tensor.of(values, ROWS, CHANNELS);

        // When
        var choice = best(reader(true), x, true, 3).orElseThrow();

        // Then: scales are one power of the deviations, and every channel is centred between its extremes
        var deviations = new double[CHANNELS];
        for (int c = 0; c < CHANNELS; c++) {
            var channel = channel(x, c);
            double mean = 0;
            for (float value : channel) {
                mean += value / ROWS;
            }
            for (float value : channel) {
                deviations[c] += (value - mean) * (value - mean) / ROWS;
            }
            deviations[c] = Math.sqrt(deviations[c]);
        }
        double alpha = Math.log(choice.ratio()[8] / choice.ratio()[0]) / Math.log(deviations[8] / deviations[0]);
        assertEquals(Math.rint(alpha * 4) / 4, alpha, 1e-3, "one of the strengths");
        double place = choice.shift()[0] - 4;
        for (int c = 0; c < CHANNELS; c++) {
            assertEquals(
                    alpha * Math.log(deviations[c] / deviations[0]),
                    Math.log(choice.ratio()[c] / choice.ratio()[0]),
                    1e-3,
                    "channel " + c);
            var channel = channel(x, c);
            assertEquals(place, choice.shift()[c] + (min(channel) + max(channel)) / 2, 1e-3, "channel " + c);
        }
    }

    private static boolean shifts(ChannelMoves.Move choice) {
        return !Arrays.equals(choice.shift(), new float[CHANNELS]);
    }

    @Test
    void theSearchShiftsWhereItPaysAndNeverWhatNoNormMade() throws IOException {
        // Given: channels far apart, each narrow, so that levelling widths alone would leave one grid to cover all
        // centres
        var random = new Random(5);
        var values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (i % CHANNELS - 4) * 20 + random.nextFloat();
        }
        var apart = Tensor.of(values, ROWS, CHANNELS);

        // Then
        assertTrue(shifts(best(reader(true), apart, true, 4).orElseThrow()));
        assertTrue(shifts(best(reader(false), apart, true, 4).orElseThrow()), "a shift that pays is worth a bias");
        assertTrue(best(reader(true), apart, false, 4)
                .filter(MigrationSearchTest::shifts)
                .isEmpty());
    }

    @Test
    void aShiftThatHardlyPaysIsNotWorthABias() throws IOException {
        // Given: channels around 0, as after RMSNorm
        var random = new Random(6);
        var values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() * (1 + i % CHANNELS * 4);
        }
        var centred = Tensor.of(values, ROWS, CHANNELS);

        assertTrue(shifts(best(reader(true), centred, true, 4).orElseThrow()), "it costs nothing if a bias absorbs it");
        assertFalse(shifts(best(reader(false), centred, true, 4).orElseThrow()));
    }

    @Test
    void alikeChannelsAreLeftAlone() throws IOException {
        var random = new Random(8);
        var values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }

        assertTrue(
                best(reader(false), Tensor.of(values, ROWS, CHANNELS), false, 4).isEmpty());
    }
}
