package dev.quantline.onnx;

import java.util.Random;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

class EscapedTest {
    /** By the regular expressions' tables of Unicode, not by the code under test. */
    private static final Pattern HARMFUL = Pattern.compile(
            "[\\p{C}\\p{Zl}\\p{Zp}\\x{34F}\\x{115F}\\x{1160}\\x{17B4}\\x{17B5}\\x{180B}-\\x{180F}\\x{3164}\\x{FFA0}]");

    private static final Pattern WRITTEN_OUT = Pattern.compile("\\\\u([0-9a-f]{4})");

    private static String decoded(String escaped) {
        return WRITTEN_OUT
                .matcher(escaped)
                .replaceAll(unit -> String.valueOf((char) Integer.parseInt(unit.group(1), 16)));
    }

    @Test
    void everyCharacterThatActsIsWrittenOutAndNoOther() {
        for (int character = 0; character <= Character.MAX_CODE_POINT; character++) {
            var raw = Character.toString(character);
            var text = Escaped.text(raw);
            var what = "U+%04X gave %s".formatted(character, text);
            if (HARMFUL.matcher(raw).matches()) {
                assertTrue(text.matches("(\\\\u[0-9a-f]{4}){1,2}"), what);
                assertEquals(raw, decoded(text), what);
            } else {
                assertSame(raw, text, what);
            }
            assertEquals(character == '\n' || character == '\t' ? raw : text, Escaped.lines(raw), what);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0000, 0008",
        "000b, 001f",
        "007f, 009f",
        "00ad, 00ad",
        "061c, 061c",
        "200b, 200f",
        "2028, 202e",
        "2060, 206f",
        "feff, feff",
        "fff9, fffb",
        "d800, dfff"
    })
    void theRangesThatAttacksAreMadeOfAreWrittenOut(String first, String last) {
        IntStream.rangeClosed(Integer.parseInt(first, 16), Integer.parseInt(last, 16))
                .forEach(character -> assertEquals(
                        "a\\u%04xb".formatted(character), Escaped.lines("a" + Character.toString(character) + "b")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "layer.0/MatMul",
                "Größe – 層 1 ½ √",
                "שכבה",
                "\ud83d\ude00",
                "<b>\\u001b & '\"=",
                "no\u00a0break\u3000wide"
            })
    void whatCanBeSeenStays(String name) {
        assertSame(name, Escaped.text(name));
    }

    @Test
    void severalLinesStaySeveralAndOneStaysOne() {
        assertEquals("a\\u000ab\\u0009c\\u000d", Escaped.text("a\nb\tc\r"));
        assertEquals("a\nb\tc\\u000d", Escaped.lines("a\nb\tc\r"));
        assertEquals("\\udb40\\udc41", Escaped.text("\udb40\udc41"));
    }

    @Test
    void anyTextHoldsNothingHarmfulAndNothingNewTheSecondTime() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int round = 0; round < 2000; round++) {
            // Given units in any order: halves of pairs apart from each other as well
            var raw = random.ints(random.nextInt(12), 0, 0x10000)
                    .collect(StringBuilder::new, (text, unit) -> text.append((char) unit), StringBuilder::append)
                    .toString();
            var escaped = Escaped.text(raw);
            assertFalse(HARMFUL.matcher(escaped).find(), "seed " + seed);
            assertEquals(raw, decoded(escaped), "seed " + seed);
            assertSame(escaped, Escaped.text(escaped), "seed " + seed);
        }
    }
}
