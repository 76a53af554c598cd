package dev.quantline.data.image;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ResamplerTest {
    /** The picture that {@code pillow-resized.txt} was made of, by the same formula. */
    private static Picture drawn() {
        var pixels = new byte[29 * 37 * 3];
        int at = 0;
        for (int y = 0; y < 29; y++) {
            for (int x = 0; x < 37; x++) {
                for (int c = 0; c < 3; c++) {
                    pixels[at++] = (byte)
                            (x * (7 + c) * y + (x ^ y) * (3 + 2 * c) + 40 * c + ((x / 5 + y / 3) % 2 == 1 ? 127 : 0));
                }
            }
        }
        return new Picture(37, 29, 3, pixels);
    }

    @Test
    void everyByteIsPillows() throws IOException {
        int cases = 0;
        try (var in = new BufferedReader(new InputStreamReader(
                ResamplerTest.class.getResourceAsStream("pillow-resized.txt"), StandardCharsets.UTF_8))) {
            for (var line : in.lines().filter(text -> !text.startsWith("#")).toList()) {
                var fields = line.split(" ");
                var size = new Size(Integer.parseInt(fields[1]), Integer.parseInt(fields[2]));

                var resized = Resampler.resize(drawn(), size, Filter.named(fields[0]));

                assertArrayEquals(HexFormat.of().parseHex(fields[3]), resized.pixels(), fields[0] + " " + size);
                cases++;
            }
        }
        assertEquals(24, cases);
    }

    @ParameterizedTest
    @EnumSource
    void aConstantStaysConstant(Filter filter) {
        var pixels = new byte[40 * 30];
        Arrays.fill(pixels, (byte) 200);

        for (var size : new Size[] {new Size(7, 11), new Size(80, 90), new Size(40, 1)}) {
            for (byte value : Resampler.resize(new Picture(40, 30, 1, pixels), size, filter)
                    .pixels()) {
                assertEquals(200, value & 0xff);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BILINEAR", "BICUBIC", "HAMMING", "LANCZOS", "BOX"})
    void aRampStaysLinear(Filter filter) {
        var pixels = new byte[240];
        for (int x = 0; x < 240; x++) {
            pixels[x] = (byte) x;
        }

        var resized = Resampler.resize(new Picture(240, 1, 1, pixels), new Size(60, 1), filter)
                .pixels();

        for (int x = 3; x < 57; x++) {
            double exact = (x + .5) * 4 - .5;
            assertTrue(
                    Math.abs((resized[x] & 0xff) - exact) <= .51,
                    filter + " at " + x + ": " + (resized[x] & 0xff) + ", not " + exact);
        }
    }
}
