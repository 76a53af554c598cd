package dev.quantline.quantize.calibrate;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.PairLimit;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

class WeightSearchTest {
    private static final RangeCriterion MAX = new RangeCriterion.MinMax();
    private static final RangeCriterion MSE = new RangeCriterion.Mse();
    private static final RangeCriterion MAE = new RangeCriterion.Mae();

    private static Tensor weight(long... shape) {
        var builder = new GraphBuilder(17, 3);
        builder.normal("w", 1, shape);
        return builder.graph().initializers().get("w");
    }

    private static double error(
            Tensor weight, Uniform quantizer, int channel, int inner, int power, float[] importance) {
        double sum = 0;
        var rounded = quantizer.fakeQuantize(weight);
        int channels = quantizer.scale().length;
        for (int i = 0; i < weight.size(); i++) {
            if (i / inner % channels == channel) {
                sum += Math.pow(Math.abs(weight.get(i) - rounded.get(i)), power)
                        * (importance == null ? 1 : importance[i]);
            }
        }
        return sum;
    }

    @Test
    void withoutASearchTheLargestMagnitudeOfEachChannelDecides() {
        var weight = Tensor.of(new float[] {1, -2, 0, 0, 3, -12.7f}, 3, 2);

        assertArrayEquals(
                new float[] {2 / 127f, 1, .1f},
                WeightSearch.choose(weight, 8, 0, 0, null, MAX).scale(),
                1e-7f);
        assertArrayEquals(
                new float[] {3 / 127f, .1f},
                WeightSearch.choose(weight, 8, 1, 0, null, MAX).scale(),
                1e-7f);
        assertArrayEquals(
                new float[] {.1f},
                WeightSearch.choose(weight, 8, Uniform.PER_TENSOR, 0, null, MAX).scale(),
                1e-7f);
    }

    /** Channels that are all noise lose what one bit less would; a channel with one far weight keeps its other codes. */
    @Test
    void limitedPairsCostNoMoreThanABitAndLessWhereAWeightReachesFar() {
        var values = weight(2, 512).toFloats();
        values[512] = 40;
        var weight = Tensor.of(values, 2, 512);
        var free = WeightSearch.choose(weight, 8, 0, 0, null, MAX);
        var seven = WeightSearch.choose(weight, 7, 0, 0, null, MAX);

        var limited = WeightSearch.limited(weight, free.withPairLimit(128), null);

        assertEquals(128, limited.pairLimit());
        for (int c = 0; c < 2; c++) {
            assertTrue(PairLimit.largestPair(
                            limited.quantize(weight).rows(c, c + 1).toLongs())
                    <= 128);
        }
        assertTrue(error(weight, limited, 0, 512, 2, null) < 1.1 * error(weight, seven, 0, 512, 2, null));
        assertTrue(error(weight, limited, 1, 512, 2, null) < 1.4 * error(weight, free, 1, 512, 2, null));
        assertTrue(error(weight, limited, 1, 512, 2, null) < 0.4 * error(weight, seven, 1, 512, 2, null));
    }

    @Test
    void errorsCountByTheirImportanceWherePairsAreLimited() {
        // Given: two weights that reach far, on inputs of next to no power
        var weight = Tensor.of(new float[] {1, 0.9f, 0.013f, 0.021f, 0.1f, 0.034f}, 1, 6);
        var free = WeightSearch.choose(weight, 8, 0, 0, null, MAX).withPairLimit(128);

        var limited = WeightSearch.limited(weight, free, new float[] {1e-9f, 1e-9f, 1, 1, 1, 1});

        assertTrue(
                limited.scale()[0] < WeightSearch.limited(weight, free, null).scale()[0],
                "they are cut, and the others keep their steps");
    }

    @Test
    void theSearchedScaleIsTheBestOfAllTried() {
        var weight = weight(4, 3, 5);
        for (int power : List.of(1, 2)) {
            for (int axis = 0; axis < 2; axis++) {
                int inner = axis == 0 ? 15 : 5;
                var whole = WeightSearch.choose(weight, 3, axis, 0, null, MAX);
                var searched = WeightSearch.choose(weight, 3, axis, 0, null, power == 1 ? MAE : MSE);
                for (int c = 0; c < searched.scale().length; c++) {
                    double least = Double.POSITIVE_INFINITY;
                    for (int alpha = 15; alpha <= 50; alpha++) {
                        var scale = whole.scale().clone();
                        scale[c] *= alpha / 50f;
                        least = Math.min(
                                least,
                                error(
                                        weight,
                                        new Uniform(3, true, axis, scale, whole.zeroPoint()),
                                        c,
                                        inner,
                                        power,
                                        null));
                    }
                    assertEquals(
                            least,
                            error(weight, searched, c, inner, power, null),
                            1e-4 * least,
                            "axis " + axis + ", power " + power);
                }
            }
        }
    }

    @Test
    void everyBlockGetsTheScaleItWouldHaveAlone() {
        // Given: 40 inputs in blocks of 16, 16 and 8, as rows and as columns
        var columns = weight(40, 3);
        var w = columns.toFloats();
        var turned = new float[w.length];
        for (int i = 0; i < w.length; i++) {
            turned[i % 3 * 40 + i / 3] = w[i];
        }
        for (var criterion : List.of(MAX, MSE, MAE, new RangeCriterion.Percentile(.9), new RangeCriterion.Entropy())) {
            // When
            var byColumn = WeightSearch.choose(columns, 4, 1, 16, null, criterion);
            var byRow = WeightSearch.choose(Tensor.of(turned, 3, 40), 4, 0, 16, null, criterion);

            // Then
            assertEquals(9, byColumn.scale().length);
            assertEquals(0, byColumn.axis());
            for (int output = 0; output < 3; output++) {
                for (int b = 0; b < 3; b++) {
                    var part = new float[b < 2 ? 16 : 8];
                    for (int i = 0; i < part.length; i++) {
                        part[i] = w[(b * 16 + i) * 3 + output];
                    }
                    float alone = WeightSearch.choose(Tensor.of(part, 1, part.length), 4, 0, 0, null, criterion)
                            .scale()[0];
                    assertEquals(alone, byColumn.scale()[b * 3 + output], criterion.label());
                    assertEquals(alone, byRow.scale()[output * 3 + b], criterion.label());
                }
            }
            assertEquals(
                    WeightSearch.error(columns, byColumn, null),
                    WeightSearch.error(Tensor.of(turned, 3, 40), byRow, null),
                    1e-9);
        }
    }

    @Test
    void finerGranularityLeavesLessError() {
        var weight = weight(64, 8);

        double tensor =
                WeightSearch.error(weight, WeightSearch.choose(weight, 4, Uniform.PER_TENSOR, 0, null, MSE), null);
        double channel = WeightSearch.error(weight, WeightSearch.choose(weight, 4, 1, 0, null, MSE), null);
        double block = WeightSearch.error(weight, WeightSearch.choose(weight, 4, 1, 16, null, MSE), null);

        assertTrue(block < channel && channel < tensor, block + ", " + channel + ", " + tensor);
    }

    @Test
    void theSearchedScaleIsTheBestForErrorsThatMeetInputsOfUnevenPower() {
        // Given: input channels whose powers differ by powers of ten
        var weight = weight(24, 4);
        var importance = new float[96];
        for (int i = 0; i < importance.length; i++) {
            importance[i] = (float) Math.pow(10, i / 4 % 5 - 2);
        }
        for (int power : List.of(1, 2)) {
            // When
            var searched = WeightSearch.choose(weight, 3, 1, 0, importance, power == 1 ? MAE : MSE);
            var blind = WeightSearch.choose(weight, 3, 1, 0, null, power == 1 ? MAE : MSE);

            // Then
            var whole = WeightSearch.choose(weight, 3, 1, 0, null, MAX);
            double gained = 0;
            for (int c = 0; c < 4; c++) {
                double least = Double.POSITIVE_INFINITY;
                for (int alpha = 15; alpha <= 50; alpha++) {
                    var scale = whole.scale().clone();
                    scale[c] *= alpha / 50f;
                    least = Math.min(
                            least,
                            error(weight, new Uniform(3, true, 1, scale, whole.zeroPoint()), c, 1, power, importance));
                }
                double found = error(weight, searched, c, 1, power, importance);
                assertEquals(least, found, 1e-4 * least, "channel " + c + ", power " + power);
                gained += error(weight, blind, c, 1, power, importance) / found / 4;
            }
            assertTrue(gained > 1.05, "weighting by the inputs gains nothing: " + gained);
        }
    }

    @Test
    void theReportedErrorIsRelativeAndCountsByImportance() {
        // Given: the first row is exact, the second is off by half a step
        var weight = Tensor.of(new float[] {1, 2, 1.5f, 2.5f}, 2, 2);
        var grid = new Uniform(8, true, Uniform.PER_TENSOR, new float[] {1}, new int[] {0});

        assertEquals(.5 / (1 + 4 + 2.25 + 6.25), WeightSearch.error(weight, grid, null), 1e-9);
        assertEquals(0, WeightSearch.error(weight, grid, new float[] {1, 1, 0, 0}));
        assertEquals(.5 / (2.25 + 6.25), WeightSearch.error(weight, grid, new float[] {0, 0, 3, 3}), 1e-9);
        assertEquals(0, WeightSearch.error(weight, grid, new float[4]), "errors on inputs of 0 do not count");
    }

    @Test
    void importanceFollowsTheInputChannelOfEachWeight() {
        // Given: channels 0 and 1 with mean squares 4 and 9
        var seen = TensorProfile.of("x", 1, List.of(Tensor.of(new float[] {2, 3, -2, -3}, 2, 2)));
        var builder = new GraphBuilder(17, 1);
        builder.op("product", "MatMul", "x", "w");
        builder.op("gemm", "Gemm", Map.of("transB", 1L), "x", "w");
        builder.op("conv", "Conv", "x", "k");
        builder.op("depthwise", "Conv", Map.of("group", 2L), "x", "k");
        var nodes = builder.graph().nodes();

        // Then
        assertArrayEquals(new float[] {4, 4, 9, 9}, Importance.of(nodes.get(0), 1, weight(2, 2), seen));
        assertArrayEquals(new float[] {4, 9, 4, 9}, Importance.of(nodes.get(1), 1, weight(2, 2), seen));
        assertArrayEquals(new float[] {4, 4, 9, 9}, Importance.of(nodes.get(2), 1, weight(1, 2, 2, 1), seen));
        assertArrayEquals(new float[] {4, 4, 9, 9}, Importance.of(nodes.get(3), 1, weight(2, 1, 2, 1), seen));
        assertNull(Importance.of(nodes.get(0), 1, weight(3, 2), seen));
        assertNull(Importance.of(nodes.get(0), 1, weight(2, 2), null));
    }
}
