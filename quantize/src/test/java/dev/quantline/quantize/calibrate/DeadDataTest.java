package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.linear.InputGram.Product;
import dev.quantline.quantize.linear.LayerWeight;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Logarithmic;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Migration;
import dev.quantline.quantize.settings.SoftmaxQuantizer;
import dev.quantline.quantize.settings.WeightRange;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Dead channels and almost constant data: every scale computed from them is a positive number. */
class DeadDataTest {
    private static final int SEEDS = 25;
    private static final int CHANNELS = 8;
    private static final int ROWS = 16;
    private static final int[] WIDTHS = {2, 4, 8};

    /** Possible contents of a channel. */
    private enum Life {
        ZERO,
        CONSTANT,
        DENORMAL,
        TINY,
        HUGE,
        SPIKE,
        NORMAL;

        float next(Random random, boolean first) {
            return switch (this) {
                case ZERO -> 0;
                case CONSTANT -> -1.5f;
                case DENORMAL -> (random.nextInt(7) - 3) * Float.MIN_VALUE;
                case TINY -> (float) random.nextGaussian() * 1e-30f;
                case HUGE -> (float) random.nextGaussian() * 1e15f;
                case SPIKE -> first ? 3 : 0;
                case NORMAL -> (float) random.nextGaussian();
            };
        }
    }

    static List<Integer> seeds() {
        return IntStream.range(0, SEEDS).boxed().toList();
    }

    /** {@code [rows, channels]} with contents drawn per channel; the same for all in the first seeds, a single row in every fifth. */
    private static Tensor channels(int seed) {
        var random = new Random(seed);
        var lives = Life.values();
        var chosen = IntStream.range(0, CHANNELS)
                .mapToObj(c -> lives[seed < lives.length ? seed : random.nextInt(lives.length)])
                .toList();
        int rows = seed % 5 == 4 ? 1 : ROWS;
        var values = new float[rows * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = chosen.get(i % CHANNELS).next(random, i < CHANNELS);
        }
        return Tensor.of(values, rows, CHANNELS);
    }

    private static void assertScales(Uniform quantizer, String what) {
        for (float scale : quantizer.scale()) {
            assertTrue(scale >= Float.MIN_NORMAL && scale < Float.POSITIVE_INFINITY, what + ": scale " + scale);
        }
    }

    private static void assertFinite(Quantizer quantizer, Tensor values, String what) {
        for (float value : quantizer.fakeQuantize(values).toFloats()) {
            assertTrue(Float.isFinite(value), what + ": " + value);
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void rangesOfActivations(int seed) {
        var values = channels(seed);
        var seen = TensorProfile.of("x", -1, List.of(values));
        for (var criterion : RangeCriterion.ALL) {
            for (int bits : WIDTHS) {
                String what = "seed " + seed + ", " + criterion.label() + " at " + bits;

                var quantizer = criterion.choose(seen, bits);

                assertScales(quantizer, what);
                assertFinite(quantizer, values, what);
                assertTrue(Double.isFinite(RangeSearch.sqnrDb(seen.histogram(), quantizer)), what);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void scalesOfWeights(int seed) {
        var weight = channels(seed);
        var importance = new float[weight.size()];
        for (int i = 0; i < importance.length; i++) {
            importance[i] = i % 3;
        }
        for (var range : WeightRange.values()) {
            for (int bits : WIDTHS) {
                for (int axis : new int[] {Uniform.PER_TENSOR, 0, 1}) {
                    String what = "seed " + seed + ", " + range + " at " + bits + " on axis " + axis;

                    var quantizer = WeightSearch.choose(weight, bits, axis, 0, importance, RangeCriterion.of(range));

                    assertScales(quantizer, what);
                    assertFinite(quantizer, weight, what);
                    assertTrue(WeightSearch.error(weight, quantizer, importance) >= 0, what);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void scalesByTheErrorOfOutputs(int seed) {
        // Given: all kinds of output channels, whose inputs are always 0 in one half
        var weight = channels(seed);
        int inputs = weight.dim(0);
        var sums = new double[inputs * inputs];
        for (int i = 0; i < inputs; i += 2) {
            sums[i * inputs + i] = 1 + i;
        }
        var layer = new LayerWeight(weight, CHANNELS, inputs, 1, new long[0], true);
        for (int bits : WIDTHS) {
            for (var product : List.of(new Product(1, inputs, sums), new Product(1, inputs, new double[sums.length]))) {
                assertScales(OutputSearch.choose(layer, bits, product), "seed " + seed + " at " + bits);
            }
        }
    }

    private static CalibrateSettings moving(Migration migration) {
        return Recipes.calibrate(
                ActivationRange.MSE, WeightRange.MSE, SoftmaxQuantizer.UNIFORM, migration, 4, 4, List.of(), ROWS);
    }

    private static ChannelMoves.Move choice(Migration migration, Tensor values) {
        return new MigrationSearch(moving(migration))
                .fixed(TensorProfile.of("x", -1, List.of(values)))
                .orElseThrow();
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void channelsBroughtToACommonScale(int seed) {
        for (var migration : List.of(Migration.MEAN, Migration.MEDIAN)) {
            var values = channels(seed);
            var choice = choice(migration, values);

            for (int c = 0; c < CHANNELS; c++) {
                String what = "seed " + seed + ", " + migration + ", channel " + c + ": " + choice.ratio()[c] + ", "
                        + choice.shift()[c];
                assertTrue(
                        choice.ratio()[c] > 1e-9 && choice.ratio()[c] < 1e9 && Float.isFinite(choice.shift()[c]), what);
            }
            for (float value : MigrationSearch.migrate(values, choice).toFloats()) {
                assertTrue(Float.isFinite(value), "seed " + seed + ", " + migration + ": " + value);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Migration.class,
            names = {"MEAN", "MEDIAN"})
    void deadChannelsChangeNothingForTheOthers(Migration migration) {
        // Given: the same three channels alone, and among five dead ones
        var random = new Random(3);
        var alone = new float[ROWS * 3];
        var among = new float[ROWS * CHANNELS];
        for (int row = 0; row < ROWS; row++) {
            for (int c = 0; c < 3; c++) {
                alone[row * 3 + c] = (float) (random.nextGaussian() * (1 + 3 * c) + c);
                among[row * CHANNELS + 1 + c] = alone[row * 3 + c];
            }
            among[row * CHANNELS + 6] = -1.5f;
        }

        // When
        var without = choice(migration, Tensor.of(alone, ROWS, 3));
        var with = choice(migration, Tensor.of(among, ROWS, CHANNELS));

        // Then: and the dead channels keep their size
        for (int c = 0; c < 3; c++) {
            assertEquals(without.ratio()[c], with.ratio()[1 + c]);
            assertEquals(without.shift()[c], with.shift()[1 + c]);
        }
        assertArrayEquals(
                new float[] {1, 1, 1, 1, 1},
                new float[] {with.ratio()[0], with.ratio()[4], with.ratio()[5], with.ratio()[6], with.ratio()[7]});
    }

    @Test
    void curvesOfSoftmaxOutputs() {
        for (float[] row : new float[][] {{1}, {0, 0, 0, 1}, {Float.MIN_VALUE, 1e-30f, 1}, {.5f, .5f}}) {
            var seen = TensorProfile.of("x", -1, List.of(Tensor.vector(row)));
            double[] scales = {seen.histogram().max(), seen.histogram().quantile(.999)};
            for (double scale : scales) {
                assertFinite(new Logarithmic(4, 2, (float) scale), Tensor.vector(row), "scale " + scale);
            }

            var tangent = TanSearch.search(4, scales, quantizer -> Double.NaN);

            assertFinite(tangent, Tensor.vector(row), tangent.toString());
        }
    }
}
