package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.profile.Histogram;
import dev.quantline.quantize.profile.TensorProfile;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.WeightRange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RangeCriterionTest {
    private static final RangeCriterion MINMAX = new RangeCriterion.MinMax();
    private static final RangeCriterion MSE = new RangeCriterion.Mse();
    private static final RangeCriterion MAE = new RangeCriterion.Mae();
    private static final DoubleUnaryOperator SQUARE = error -> error * error;

    private static Uniform choose(RangeCriterion criterion, Seen seen, int bits) {
        return criterion.choose(seen.profile(), bits);
    }

    @Test
    void minMaxTakesTheExtremesAndZero() {
        var both = choose(MINMAX, Seen.of(-1, .5f, 3), 8);
        var positive = choose(MINMAX, Seen.of(2, 3), 8);

        assertEquals(4 / 255.0, both.scale()[0], 1e-7);
        assertEquals(-1, both.lowest(0), 4 / 255.0 / 2 + 1e-6);
        assertEquals(0, positive.lowest(0));
        assertEquals(3, positive.highest(0), 1e-5);
    }

    @Test
    void percentileCutsTheShareAtBothEnds() {
        var values = new float[10_001];
        for (int i = 0; i < values.length; i++) {
            values[i] = i - 5000;
        }

        var cut = choose(new RangeCriterion.Percentile(.9), new Seen(values), 8);

        assertEquals(-4500, cut.lowest(0), 40);
        assertEquals(4500, cut.highest(0), 40);
        assertThrows(BadInput.class, () -> new RangeCriterion.Percentile(.5));
        assertThrows(BadInput.class, () -> new RangeCriterion.Percentile(1.01));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4})
    void leastErrorsAreThoseOfTryingEveryPairOfEnds(long seed) {
        var random = new Random(seed);
        for (int bits : new int[] {2, 4, 8}) {
            // Given
            var seen = Seen.normal(random, 400, random.nextGaussian(), 4, 8);

            // When
            double squared = seen.cost(choose(MSE, seen, bits), SQUARE);
            double absolute = seen.cost(choose(MAE, seen, bits), Math::abs);

            // Then: up to a bin's width, and the last percent that searching one end at a time misses
            assertTrue(squared <= 1.05 * seen.least(bits, SQUARE), "squared, " + bits + " bits, seed " + seed);
            assertTrue(absolute <= 1.05 * seen.least(bits, Math::abs), "absolute, " + bits + " bits, seed " + seed);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 6, 7, 8, 9})
    void noCriterionIsWorseThanTheExtremesInItsOwnTerms(long seed) {
        var random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            var seen = Seen.normal(random, 2000, random.nextGaussian() * 2, random.nextInt(5), 1 + random.nextInt(60));
            int bits = 2 + random.nextInt(7);
            var extremes = choose(MINMAX, seen, bits);

            assertTrue(
                    seen.cost(choose(MSE, seen, bits), SQUARE) <= seen.cost(extremes, SQUARE) * 1.01, "seed " + seed);
            assertTrue(
                    seen.cost(choose(MAE, seen, bits), Math::abs) <= seen.cost(extremes, Math::abs) * 1.01,
                    "seed " + seed);
        }
    }

    @Test
    void absoluteErrorsClipARareOutlierThatSquaredErrorsKeep() {
        long seed = 10;
        var seen = Seen.normal(new Random(seed), 20_000, 0, 0, 1);
        seen.values()[7] = 30;

        var squared = choose(MSE, seen, 8);
        var absolute = choose(MAE, seen, 8);

        assertTrue(absolute.highest(0) < .75 * squared.highest(0), absolute.highest(0) + " and " + squared.highest(0));
    }

    @Test
    void entropyLeavesOutALongThinTail() {
        long seed = 11;
        var seen = Seen.normal(new Random(seed), 50_000, 0, 20, 20);

        var entropy = choose(new RangeCriterion.Entropy(), seen, 8);

        double largest = seen.histogram().max();
        assertTrue(entropy.highest(0) < .6 * largest && entropy.highest(0) > 2, entropy.highest(0) + " of " + largest);
    }

    @Test
    void constantAndOneSidedActivationsGetAGrid() {
        for (var criterion : RangeCriterion.ALL) {
            for (var seen : List.of(
                    Seen.of(0, 0, 0), Seen.of(5, 5), Seen.of(-5, -5), Seen.of(-3, -2, -1), Seen.of(1e-30f, 2e-30f))) {
                var quantizer = choose(criterion, seen, 4);

                assertEquals(0, quantizer.dequantize(quantizer.quantize(0, 0), 0));
                double worst = 0;
                for (float value : seen.values()) {
                    worst = Math.max(worst, Math.abs(value - quantizer.dequantize(quantizer.quantize(value, 0), 0)));
                }
                assertTrue(
                        worst <= quantizer.scale()[0] * .75,
                        criterion.label() + " of " + Arrays.toString(seen.values()) + ": " + worst);
            }
        }
    }

    @Test
    void errorsOfBinsAndOfElementsAreTheMeansOfTheValues() {
        var seen = Seen.normal(new Random(21), 3000, 1, 30, 3);
        var elements = Elements.of(seen.values(), null);
        var bins = new Bins(seen.histogram());
        var counted = new float[seen.values().length];
        Arrays.fill(counted, 3);
        for (int bits : new int[] {2, 5, 8}) {
            var grid = Uniform.asymmetric(bits, -1.5, 4);
            for (int power = 1; power <= 2; power++) {
                double mean = seen.cost(grid, power == 1 ? Math::abs : SQUARE);

                assertEquals(mean, error(elements, grid, power), 1e-4 * mean, bits + " bits");
                assertEquals(mean, error(bins, grid, power), 3e-2 * mean, bits + " bits");
                assertEquals(
                        3 * mean, error(Elements.of(seen.values(), counted), grid, power), 3e-4 * mean, bits + " bits");
            }
        }
        assertEquals(seen.histogram().max(), elements.max(), 1e-6);
        assertEquals(seen.histogram().min(), bins.min(), 1e-6);
    }

    private static double error(Distribution seen, Uniform grid, int power) {
        return seen.error(grid.scale()[0], grid.zeroPoint()[0], 0, grid.qmax(), power);
    }

    @Test
    void theSignalIsComparedWithTheNoiseInDecibels() {
        var seen = Seen.normal(new Random(22), 4000, .5, 0, 1);
        var grid = choose(MINMAX, seen, 6);
        double signal = 0;
        for (float value : seen.values()) {
            signal += value * value / seen.values().length;
        }

        assertEquals(
                10 * Math.log10(signal / seen.cost(grid, SQUARE)), RangeSearch.sqnrDb(seen.histogram(), grid), .05);
        assertEquals(200, RangeSearch.sqnrDb(Seen.of(0, 0).histogram(), grid), 1e-9, "no noise at all");
    }

    @Test
    void onlyTheEndThatHasValuesIsShrunk() {
        var seen = Seen.normal(new Random(23), 2000, 0, 3, 30);
        var positive = seen.values().clone();
        for (int i = 0; i < positive.length; i++) {
            positive[i] = Math.abs(positive[i]);
        }
        var mirrored = positive.clone();
        for (int i = 0; i < mirrored.length; i++) {
            mirrored[i] = -mirrored[i];
        }

        var above = choose(MSE, new Seen(positive), 4);
        var below = choose(MSE, new Seen(mirrored), 4);

        assertEquals(0, above.lowest(0));
        assertEquals(0, below.highest(0));
        assertEquals(above.scale()[0], below.scale()[0], 1e-2 * above.scale()[0]);
    }

    @ParameterizedTest
    @ValueSource(longs = {12, 13, 14})
    void sumsOverCodesAreSumsOverBins(long seed) {
        var random = new Random(seed);
        var bins = new Bins(
                Seen.normal(random, 5000, random.nextGaussian() * 3, 5, 20).histogram());
        for (int bits = 2; bits <= 12; bits++) {
            double s = (bins.max() - bins.min()) * (.3 + random.nextDouble()) / (1 << bits);
            int z = random.nextInt(1 << bits);
            for (int power = 1; power <= 2; power++) {
                double slow = bins.overBins(s, z, 0, (1 << bits) - 1, power);

                assertEquals(
                        slow,
                        bins.overCodes(s, z, 0, (1 << bits) - 1, power),
                        1e-6 * slow,
                        bits + " bits, seed " + seed);
            }
        }
    }

    /** The divergence by its definition, bin by bin. */
    private static double divergence(Histogram seen, double s, int z, int qmax) {
        var counts = seen.counts();
        int lowest = Math.clamp((int) Math.floor((-z * s - seen.centre(0)) / seen.width() + .5), 0, counts.length - 1);
        int highest = Math.clamp(
                (int) Math.floor(((qmax - z) * s - seen.centre(0)) / seen.width() + .5), lowest, counts.length - 1);
        var clipped = new double[counts.length];
        var inCode = new double[qmax + 1];
        var occupied = new int[qmax + 1];
        var code = new int[counts.length];
        double kept = 0;
        for (int i = 0; i < counts.length; i++) {
            clipped[Math.clamp(i, lowest, highest)] += counts[i];
            if (i >= lowest && i <= highest && counts[i] > 0) {
                code[i] = (int) Math.clamp(Math.rint(seen.centre(i) / s) + z, 0, qmax);
                inCode[code[i]] += counts[i];
                occupied[code[i]]++;
                kept += counts[i];
            }
        }
        double divergence = 0;
        for (int i = lowest; i <= highest; i++) {
            double q = counts[i] == 0 ? 1e-9 : inCode[code[i]] / occupied[code[i]] / kept;
            divergence += clipped[i] == 0 ? 0 : clipped[i] / seen.total() * Math.log(clipped[i] / seen.total() / q);
        }
        return divergence;
    }

    @ParameterizedTest
    @ValueSource(longs = {16, 17, 18})
    void divergenceOverCodesIsDivergenceOverBins(long seed) {
        var random = new Random(seed);
        for (int round = 0; round < 40; round++) {
            var histogram = Seen.normal(random, 300 + random.nextInt(5000), random.nextGaussian() * 3, 5, 20)
                    .histogram();
            int bits = 2 + random.nextInt(11);
            double s = (histogram.max() - histogram.min()) * (.05 + random.nextDouble()) / (1 << bits);
            int z = random.nextInt(1 << bits);
            double slow = divergence(histogram, s, z, (1 << bits) - 1);

            double fast = new Bins(histogram).divergence(s, z, 0, (1 << bits) - 1);

            assertEquals(slow, fast, 1e-2 * Math.abs(slow) + 1e-3, bits + " bits, round " + round + ", seed " + seed);
        }
    }

    @Test
    void theMovingAverageIgnoresWhatOneSampleReached() {
        var samples = new ArrayList<Tensor>();
        for (int i = 0; i < 100; i++) {
            samples.add(Tensor.vector(-1f, i == 50 ? 60 : 2));
        }

        var grid = new RangeCriterion.MovingAverage().choose(TensorProfile.of("x", -1, samples), 16);

        assertEquals(-1, grid.lowest(0), 1e-3);
        assertTrue(grid.highest(0) > 2 && grid.highest(0) < 3, grid.toString());
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 5, 9, 12, 16})
    void everyWidthHasAGridAsFineAsItsBits(int bits) {
        var seen = Seen.normal(new Random(15), 4000, .5, 0, 1);
        for (var criterion : RangeCriterion.ALL) {
            var grid = choose(criterion, seen, bits);

            assertEquals(bits, grid.bits());
            assertTrue(
                    seen.cost(grid, SQUARE) < 8 / Math.pow(4, bits) + 1e-3,
                    criterion.label() + ": " + seen.cost(grid, SQUARE));
        }
    }

    @Test
    void everySettingHasItsCriterion() {
        for (var range : ActivationRange.values()) {
            assertEquals(range.word(), RangeCriterion.of(range).label());
        }
        for (var range : WeightRange.values()) {
            assertEquals(
                    range == WeightRange.MAX ? "minmax" : range.word(),
                    RangeCriterion.of(range).label());
        }
        assertEquals(new RangeCriterion.Percentile(.9999), RangeCriterion.of(ActivationRange.PERCENTILE));
        assertEquals(new RangeCriterion.Percentile(.999), RangeCriterion.of(WeightRange.PERCENTILE));
    }

    @Test
    void withoutLayersToAskAutoIsLeastSquares() {
        var seen = Seen.normal(new Random(1), 500, 0, 3, 9);

        assertEquals(choose(MSE, seen, 5), choose(new RangeCriterion.Auto(), seen, 5));
    }
}
