package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PairLimitTest {
    private static final int LIMIT = 128;

    private static long[] bounded(long[] codes) {
        var limit = PairLimit.of(LIMIT, codes);
        var bounded = new long[codes.length];
        Arrays.setAll(bounded, i -> limit.bound(i, codes[i]));
        return bounded;
    }

    private static double cost(long[] codes, long[] changed) {
        double cost = 0;
        for (int i = 0; i < codes.length; i++) {
            cost += Math.pow(codes[i] - changed[i], 2);
        }
        return cost;
    }

    private static long[] random(long seed) {
        var random = new Random(seed);
        var codes = new long[2 + random.nextInt(20)];
        double deviation = 10 + random.nextInt(90);
        Arrays.setAll(codes, i -> Math.clamp(Math.round(random.nextGaussian() * deviation), -128, 127));
        return codes;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void noTwoProductsOfTheLargestActivationExceedSixteenBits(long seed) {
        var bounded = bounded(random(seed));

        for (int i = 0; i < bounded.length; i++) {
            for (int j = 0; j < i; j++) {
                long sum = 255 * bounded[i] + 255 * bounded[j];
                assertTrue(
                        sum >= Short.MIN_VALUE && sum <= Short.MAX_VALUE,
                        "seed " + seed + ": " + bounded[i] + " and " + bounded[j]);
            }
        }
        assertTrue(PairLimit.largestPair(bounded) <= LIMIT);
    }

    /** Every choice of one code that may reach farther, and of the cut. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void nothingOfThatFormCostsLess(long seed) {
        var codes = random(seed);

        double least = Double.POSITIVE_INFINITY;
        var one = Arrays.stream(codes).map(code -> Math.max(0, code)).toArray();
        for (int farther = 0; farther < one.length; farther++) {
            for (int cut = 0; cut <= LIMIT / 2; cut++) {
                var tried = new long[one.length];
                for (int i = 0; i < one.length; i++) {
                    tried[i] = Math.min(one[i], i == farther ? LIMIT - cut : cut);
                }
                least = Math.min(least, cost(one, tried));
            }
        }
        assertEquals(least, cost(one, bounded(one)), 1e-9, "seed " + seed);
    }

    @Test
    void codesThatFitStayAsTheyAre() {
        var codes = new long[] {100, 28, -64, -64, 3, 0, -1};

        assertArrayEquals(codes, bounded(codes));
        assertEquals(128, PairLimit.largestPair(codes));
    }

    @Test
    void oneFarWeightIsNotCutForMany() {
        assertArrayEquals(new long[] {119, 9, -2, 5}, bounded(new long[] {120, 9, -2, 5}));
    }

    @Test
    void whatFitsLeavesRoomForOtherCodes() {
        // Given: rounding may move other codes later
        var limit = PairLimit.of(LIMIT, new long[] {90, 10});

        assertEquals(38, limit.bound(1, 60));
        assertEquals(90, limit.bound(0, 95));
    }

    @Test
    void theSumOfALoneCodeIsItself() {
        assertEquals(127, PairLimit.largestPair(new long[] {127, -100}));
        assertEquals(0, PairLimit.largestPair(new long[0]));
    }

    /** Channels on the second axis, so that the codes of a channel are not contiguous. */
    @Test
    void aGridBoundsEachChannelByItself() {
        var grid = new Uniform(8, true, 1, new float[] {1, 1}, new int[2]).withPairLimit(LIMIT);
        var weight = Tensor.of(new float[] {127, 127, 127, 1, 127, 0, 3, 1}, 4, 2);

        assertArrayEquals(
                new long[] {64, 127, 64, 1, 64, 0, 3, 1}, grid.quantize(weight).toLongs());
        assertArrayEquals(
                new float[] {64, 127, 64, 1, 64, 0, 3, 1},
                grid.fakeQuantize(weight).toFloats());
        assertArrayEquals(
                weight.toFloats(), grid.withPairLimit(0).fakeQuantize(weight).toFloats());
    }

    @Test
    void otherScalesKeepTheLimit() {
        var grid = new Uniform(8, true, 0, new float[] {1}, new int[1]).withPairLimit(LIMIT);

        assertEquals(LIMIT, grid.withScale(new float[] {2}).pairLimit());
        assertThrows(
                IllegalArgumentException.class,
                () -> Uniform.asymmetric(8, -1, 1).withPairLimit(LIMIT));
    }
}
