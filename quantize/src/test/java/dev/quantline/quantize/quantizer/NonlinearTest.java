package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.DataType;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The logarithmic and the tangent quantizer, checked against their definitions. */
class NonlinearTest {
    static Stream<Quantizer> quantizers() {
        return Stream.of(2, 3, 4, 6, 8)
                .flatMap(bits -> Stream.of(
                        new Logarithmic(bits, 1, .9f),
                        new Logarithmic(bits, 2, 1.7f),
                        new Tangent(bits, 2.9, .5, 1),
                        new Tangent(bits, 1.4, 0, .8f),
                        new Tangent(bits, 1.2, 1, .3f),
                        new Tangent(bits, 1.9, .3, 2)));
    }

    @ParameterizedTest
    @MethodSource("quantizers")
    void quantizingWhatACodeStandsForGivesTheCodeAgain(Quantizer quantizer) {
        for (int q = quantizer.qmin(); q <= quantizer.qmax(); q++) {
            if (quantizer.dequantize(q, 0) > 0 && quantizer.dequantize(q, 0) < Float.MIN_NORMAL
                    || quantizer.dequantize(q, 0) == 0 && q != quantizer.quantize(0, 0)) {
                continue; // 2^-254 is no float: codes of 8-bit logarithms run out of numbers
            }
            assertEquals(q, quantizer.quantize(quantizer.dequantize(q, 0), 0), quantizer.toString());
        }
    }

    @ParameterizedTest
    @MethodSource("quantizers")
    void codesFollowTheOrderOfNumbersAndZeroIsExact(Quantizer quantizer) {
        float before = quantizer.dequantize(quantizer.quantize(-1, 0), 0);
        assertEquals(0, before);
        for (int i = 0; i <= 2200; i++) {
            float restored = quantizer.dequantize(quantizer.quantize(i / 1000f, 0), 0);
            assertTrue(restored >= before, quantizer + " at " + i / 1000f);
            before = restored;
        }
        assertEquals(quantizer.highest(0), before);
    }

    @Test
    void logarithmsDecodeToPowersAndZero() {
        var root2 = new Logarithmic(4, 2, 3);
        for (int q = 0; q < 15; q++) {
            assertEquals(3 * Math.pow(2, -q / 2.0), root2.dequantize(q, 0), 1e-6);
        }
        assertEquals(0, root2.dequantize(15, 0));
        // q = round(-2 log2(x / s))
        for (double x : new double[] {.04, .1, .33, .7, 1.9, 2.9}) {
            assertEquals(Math.rint(-2 * Math.log(x / 3) / Math.log(2)), root2.quantize((float) x, 0), "x " + x);
        }
        assertEquals(0, root2.quantize(50, 0));
    }

    @Test
    void tangentsFollowTheirFormula() {
        var tan = new Tangent(4, 2.2, .4, .8f);
        double t0 = Math.tan(-2.2 * .4);
        double t1 = Math.tan(2.2 * .6);
        for (double x : new double[] {0, .01, .1, .25, .5, .77, .8}) {
            double q = Math.rint(15 * (Math.tan(2.2 * (x / .8 - .4)) - t0) / (t1 - t0));
            assertEquals(q, tan.quantize((float) x, 0), "x " + x);
            assertEquals(.8 * (.4 + Math.atan(t0 + q / 15 * (t1 - t0)) / 2.2), tan.dequantize((int) q, 0), 1e-6);
        }
    }

    @Test
    void withoutCurvatureTheTangentIsUniform() {
        var tan = new Tangent(6, 1e-4, .5, 1);
        var uniform = Uniform.asymmetric(6, 0, 1);
        for (int i = 0; i <= 1000; i++) {
            if (Math.abs(i * 63 / 1000.0 % 1 - .5) > 1e-3) {
                assertEquals(uniform.quantize(i / 1000f, 0), tan.quantize(i / 1000f, 0), "x " + i / 1000f);
            }
        }
        assertEquals(uniform.dequantize(31, 0), tan.dequantize(31, 0), 1e-6);
    }

    @Test
    void theGridIsFinestFarFromTheCentre() {
        var tan = new Tangent(4, 2.9, .5, 1);

        assertTrue(tan.dequantize(1, 0) < tan.dequantize(8, 0) - tan.dequantize(7, 0));
        assertTrue(1 - tan.dequantize(14, 0) < tan.dequantize(8, 0) - tan.dequantize(7, 0));
    }

    @ParameterizedTest
    @MethodSource("quantizers")
    void aCodeIsTheNearestOnItsCurveAndIsStoredInAByte(Quantizer quantizer) {
        // Given: thresholds at half codes on the curve
        var curve = (Codebook) quantizer;
        assertEquals(DataType.UINT8, quantizer.storage());
        assertEquals(0, quantizer.lowest(0));
        for (int q = 0; q < Math.min(12, quantizer.qmax()); q++) {
            float inside = (float) curve.at(q + .49);
            float outside = (float) curve.at(q + .51);

            assertEquals(q, quantizer.quantize(inside, 0), quantizer + " at " + inside);
            assertEquals(q + 1, quantizer.quantize(outside, 0), quantizer + " at " + outside);
        }
    }

    @Test
    void reportsCallThemByTheirCurves() {
        assertEquals(
                List.of("log2", "logsqrt2", "tan", "uniform"),
                Stream.of(
                                new Logarithmic(4, 1, 1),
                                new Logarithmic(4, 2, 1),
                                new Tangent(4, 1, .5, 1),
                                Uniform.asymmetric(4, 0, 1))
                        .map(Quantizer::label)
                        .toList());
    }

    @Test
    void curvesThatCannotBeAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Tangent(4, 3.2, .5, 1));
        assertThrows(IllegalArgumentException.class, () -> new Tangent(4, Math.PI / 2, 1, 1));
        assertThrows(IllegalArgumentException.class, () -> new Tangent(4, 0, .5, 1));
        assertThrows(IllegalArgumentException.class, () -> new Tangent(4, 1, 1.5, 1));
        assertThrows(IllegalArgumentException.class, () -> new Tangent(4, 1, -.1, 1));
        assertThrows(IllegalArgumentException.class, () -> new Tangent(4, 1, .5, 0));
        for (int root : List.of(0, 3)) {
            assertThrows(IllegalArgumentException.class, () -> new Logarithmic(4, root, 1));
        }
        assertThrows(IllegalArgumentException.class, () -> new Logarithmic(4, 1, 0));
        for (int bits : List.of(1, 9)) {
            assertThrows(IllegalArgumentException.class, () -> new Logarithmic(bits, 1, 1));
            assertThrows(IllegalArgumentException.class, () -> new Tangent(bits, 1, .5, 1));
        }
    }
}
