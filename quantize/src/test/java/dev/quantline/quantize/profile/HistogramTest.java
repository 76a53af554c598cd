package dev.quantline.quantize.profile;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class HistogramTest {
    static Histogram of(float... values) {
        var histogram = new Histogram();
        add(histogram, values);
        return histogram;
    }

    private static void add(Histogram histogram, float... values) {
        double least = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        for (float value : values) {
            least = Math.min(least, value);
            largest = Math.max(largest, value);
        }
        histogram.add(values, values.length, least, largest);
    }

    private static void assertSame(Histogram expected, Histogram actual, String when) {
        assertEquals(expected.min(), actual.min(), when);
        assertEquals(expected.max(), actual.max(), when);
        assertEquals(expected.width(), actual.width(), when);
        assertEquals(expected.centre(0), actual.centre(0), when);
        assertArrayEquals(expected.counts(), actual.counts(), when);
    }

    /** Parts of very different sizes: any power of ten that a float has, one repeated value, zeros, only one sign. */
    private static float[] part(Random random) {
        var values = new float[1 + random.nextInt(200)];
        int kind = random.nextInt(5);
        double size = Math.pow(10, random.nextInt(83) - 45);
        double single = size * random.nextGaussian();
        for (int i = 0; i < values.length; i++) {
            double x = switch (kind) {
                case 0 -> size * random.nextGaussian();
                case 1 -> single;
                case 2 -> 0;
                case 3 -> -size * random.nextDouble();
                default -> random.nextGaussian() * Math.pow(10, random.nextInt(20) - 10);
            };
            values[i] = (float) Math.clamp(x, -3e38, 3e38);
        }
        return values;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void joiningPartsInAnyOrderGivesTheHistogramOfTheWhole(long seed) {
        // Given
        var random = new Random(seed);
        var parts = new ArrayList<float[]>();
        for (int i = 0; i < 8; i++) {
            parts.add(part(random));
        }
        var all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int at = 0;
        for (var part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        var whole = of(all);

        for (int round = 0; round < 10; round++) {
            // When: a tree of merges and a stream of additions, both in random order
            Collections.shuffle(parts, random);
            var streamed = new Histogram();
            parts.forEach(part -> add(streamed, part));
            var joined = new ArrayList<>(parts.stream().map(HistogramTest::of).toList());
            joined.add(new Histogram());
            while (joined.size() > 1) {
                var second = joined.remove(random.nextInt(joined.size()));
                joined.get(random.nextInt(joined.size())).add(second);
            }

            // Then
            assertSame(whole, streamed, "streamed, seed " + seed);
            assertSame(whole, joined.getFirst(), "joined, seed " + seed);
            assertEquals(all.length, whole.total(), "seed " + seed);
        }
    }

    @Test
    void everyValueLiesInItsBin() {
        long seed = 3;
        var random = new Random(seed);
        for (int round = 0; round < 50; round++) {
            var values = part(random);
            var histogram = of(values);
            var expected = new long[Histogram.BINS];
            for (float value : values) {
                expected[
                        (int) (Math.floor(value / histogram.width())
                                - Math.floor(histogram.min() / histogram.width()))]++;
            }

            assertArrayEquals(expected, histogram.counts(), "seed " + seed + ", round " + round);
        }
    }

    @Test
    void aSpreadOfValuesFillsMoreThanHalfTheBins() {
        var values = new float[100_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = -3 + 5f * i / values.length;
        }

        var counts = of(values).counts();

        assertTrue(Arrays.stream(counts).filter(count -> count > 0).count() > Histogram.BINS / 2);
    }

    @Test
    void aSingleTinyValueMeetsLargeOnes() {
        // Given: grids that differ by a factor of 2^100
        var tiny = of(1e-30f);

        // When
        tiny.add(of(1000f, -5f));

        // Then
        assertSame(of(1e-30f, 1000f, -5f), tiny, "tiny first");
    }

    @Test
    void storingAndRestoringChangesNothing() {
        for (var histogram :
                List.of(new Histogram(), of(0f), of(-7.5f), of(1e-40f, -1e-45f), of(3e38f, -3e38f, 0.1f))) {
            assertSame(histogram, new Histogram(histogram.min(), histogram.max(), histogram.counts()), "restored");
        }
    }

    @Test
    void quantilesAreExactToABin() {
        long seed = 8;
        var random = new Random(seed);
        var values = new float[10_001];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * 3 + 1);
        }
        var histogram = of(values);
        Arrays.sort(values);

        for (double share : new double[] {0, .001, .1, .5, .9, .9999, 1}) {
            double expected =
                    values[(int) Math.clamp((long) Math.ceil(share * values.length) - 1, 0, values.length - 1)];
            assertEquals(expected, histogram.quantile(share), histogram.width(), "share " + share + ", seed " + seed);
        }
        assertTrue(histogram.quantile(1) <= histogram.max() && histogram.quantile(0) >= histogram.min());
        assertEquals(-2.5, of(-2.5f, -2.5f).quantile(.5));
    }
}
