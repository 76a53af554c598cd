package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class UniformTest {
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8})
    void codesAreThoseOfTheDefinition(int bits) {
        long seed = 100 + bits;
        var random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            // Given: q = clip(round(x / s) + z, 0, N)
            double lo = -random.nextDouble() * 4;
            double hi = random.nextDouble() * 9;
            int n = (1 << bits) - 1;
            var quantizer = Uniform.asymmetric(bits, lo, hi);
            double s = (hi - lo) / n;
            float x = (float) (random.nextGaussian() * 6);

            // When
            int q = quantizer.quantize(x, 0);

            // Then: except for ties of rounding
            double exact = Math.clamp(x / s + Math.rint(-lo / s), 0, n);
            assertEquals(exact, q, 0.5 + 1e-3, "x " + x + " in " + lo + ".." + hi + ", seed " + seed);
            assertEquals((q - Math.rint(-lo / s)) * s, quantizer.dequantize(q, 0), 1e-4);
            assertEquals(s, quantizer.scale()[0], 1e-6);
        }
    }

    @Test
    void halvesRoundToEven() {
        var quantizer = new Uniform(8, true, Uniform.PER_TENSOR, new float[] {1}, new int[] {0});

        for (int q = -10; q <= 10; q++) {
            assertEquals((int) Math.rint(q + .5), quantizer.quantize(q + .5f, 0));
            assertTrue(quantizer.quantize(q + .5f, 0) % 2 == 0);
        }
    }

    @Test
    void zeroIsExactInEveryRange() {
        long seed = 4;
        var random = new Random(seed);
        for (int round = 0; round < 500; round++) {
            double lo = random.nextGaussian() * 3;
            double hi = lo + random.nextDouble() * 5;
            for (int bits = 2; bits <= 8; bits++) {
                var quantizer = Uniform.asymmetric(bits, lo, hi);

                assertEquals(0, quantizer.dequantize(quantizer.quantize(0, 0), 0), lo + ".." + hi + ", seed " + seed);
            }
        }
    }

    @Test
    void valuesOutsideAreClippedToTheEnds() {
        var quantizer = Uniform.asymmetric(4, -1, 2);

        assertEquals(0, quantizer.quantize(-100, 0));
        assertEquals(15, quantizer.quantize(Float.POSITIVE_INFINITY, 0));
        assertEquals(quantizer.lowest(0), quantizer.dequantize(0, 0));
        assertEquals(quantizer.highest(0), quantizer.dequantize(15, 0));
    }

    @Test
    void signedCodesReachOneFartherBelow() {
        var quantizer = Uniform.symmetric(4, Uniform.PER_TENSOR, new double[] {7});

        assertArrayEquals(new int[] {-8, -7, 0, 7, 7}, new int[] {
            quantizer.quantize(-9, 0),
            quantizer.quantize(-7, 0),
            quantizer.quantize(0, 0),
            quantizer.quantize(7, 0),
            quantizer.quantize(9, 0)
        });
    }

    @Test
    void deadChannelsGetScaleOne() {
        var quantizer = Uniform.symmetric(8, 0, new double[] {0, 1e-45, 127});

        assertArrayEquals(new float[] {1, 1, 1}, quantizer.scale());
        assertEquals(1, Uniform.asymmetric(8, 0, 0).scale()[0]);
    }

    @Test
    void channelsLieAlongTheAxis() {
        // Given: [2, 2, 2], scales 1 and 10 along the middle axis
        var quantizer = new Uniform(8, true, 1, new float[] {1, 10}, new int[] {0, 0});
        var x = Tensor.of(new float[] {20, 30, 20, 30, -20, -30, -20, -30}, 2, 2, 2);

        assertArrayEquals(
                new long[] {20, 30, 2, 3, -20, -30, -2, -3},
                quantizer.quantize(x).toLongs());
        assertEquals(DataType.INT8, quantizer.quantize(x).type());
        assertEquals(x, quantizer.fakeQuantize(x));
    }

    @Test
    void quantizingWhatACodeStandsForGivesTheCodeAgain() {
        long seed = 6;
        var random = new Random(seed);
        for (int round = 0; round < 100; round++) {
            for (int bits = 2; bits <= 8; bits++) {
                var quantizer = Uniform.asymmetric(
                        bits, -Math.exp(random.nextGaussian() * 4), Math.exp(random.nextGaussian() * 4));
                for (int q = quantizer.qmin(); q <= quantizer.qmax(); q++) {
                    assertEquals(
                            q,
                            quantizer.quantize(quantizer.dequantize(q, 0), 0),
                            quantizer.scale()[0] + ", seed " + seed);
                }
            }
        }
    }

    @Test
    void gridsThatCannotBeAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Uniform(17, true, -1, new float[] {1}, new int[] {0}));
        assertThrows(IllegalArgumentException.class, () -> new Uniform(8, true, -1, new float[] {0}, new int[] {0}));
        assertThrows(
                IllegalArgumentException.class, () -> new Uniform(8, true, -1, new float[] {Float.NaN}, new int[] {0}));
        assertThrows(
                IllegalArgumentException.class, () -> new Uniform(8, true, -1, new float[] {1, 1}, new int[] {0, 0}));
        assertThrows(IllegalArgumentException.class, () -> new Uniform(8, true, 0, new float[] {1, 1}, new int[] {0}));
    }

    @Test
    void halvesHoldScalesOfFewDigits() {
        assertTrue(new Uniform(4, true, 0, new float[] {.5f, 3}, new int[2]).hasHalfScales());
        assertFalse(new Uniform(4, true, 0, new float[] {.5f, .1f}, new int[2]).hasHalfScales());
    }

    @Test
    void wideCodesAndBlocksCameWithOpset21() {
        assertEquals(13, Uniform.symmetric(8, 0, new double[] {1}).opset());
        assertEquals(21, Uniform.symmetric(9, 0, new double[] {1}).opset());
        assertEquals(21, Uniform.symmetric(4, 0, 16, new double[] {1}).opset());
    }

    @Test
    void everyElementKnowsItsScaleAndOtherScalesKeepTheGrid() {
        // Given: blocks of 2 along the first of two axes, 3 inputs of 2 outputs
        var blocks = Uniform.symmetric(4, 0, 2, new double[] {7, 14, 21, 28});

        assertArrayEquals(new int[] {0, 1, 0, 1, 2, 3}, blocks.scaleIndex(new long[] {3, 2}));
        assertArrayEquals(
                new int[] {0, 0, 1, 1},
                Uniform.symmetric(4, 0, new double[] {7, 7}).scaleIndex(new long[] {2, 2}));
        assertArrayEquals(new int[] {0, 0}, Uniform.asymmetric(4, 0, 1).scaleIndex(new long[] {2}));
        var other = blocks.withScale(new float[] {9, 9, 9, 9});
        assertArrayEquals(new float[] {9, 9, 9, 9}, other.scale());
        assertEquals(blocks, other.withScale(blocks.scale()));
    }

    @Test
    void equalityIsByContent() {
        assertEquals(Uniform.asymmetric(8, -1, 1), Uniform.asymmetric(8, -1, 1));
        assertEquals(
                Uniform.asymmetric(8, -1, 1).hashCode(),
                Uniform.asymmetric(8, -1, 1).hashCode());
        assertNotEquals(Uniform.asymmetric(8, -1, 1), Uniform.asymmetric(8, -1, 1.5));
    }
}
