package dev.quantline.onnx;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

class ClosestNameTest {
    private static final List<String> METRICS = List.of("top1", "top5", "pairs", "perplexity", "fidelity");

    @ParameterizedTest
    @CsvSource({
        "perplexty, perplexity",
        "Fidelity, fidelity",
        "fidleity, fidelity",
        "top, top1",
        "pair, pairs",
        "parplexitee, perplexity"
    })
    void aMisspeltNameIsFound(String word, String meant) {
        assertEquals(Optional.of(meant), ClosestName.to(word, METRICS));
    }

    @ParameterizedTest
    @CsvSource({"accuracy", "mood", "x", "''"})
    void whatIsLikeNoneIsNotGuessed(String word) {
        assertEquals(Optional.empty(), ClosestName.to(word, METRICS));
    }

    @Test
    void neighboursThatChangedPlacesAreOneMistake() {
        assertEquals(Optional.of("ab"), ClosestName.to("ba", List.of("ab")));
        assertEquals(Optional.of("srt"), ClosestName.to("str", List.of("srt")));
        assertEquals(Optional.empty(), ClosestName.to("abc", List.of("cba")));
    }

    @Test
    void theHintNamesOneOrListsThem() {
        assertEquals("did you mean 'top5'?", ClosestName.hint("topp5", METRICS));
        assertEquals("there are top1, top5, pairs, perplexity, fidelity", ClosestName.hint("accuracy", METRICS));
        assertEquals("there is image", ClosestName.hint("x1", List.of("image")));
        assertEquals("there are none", ClosestName.hint("x1", List.of()));
    }

    @Test
    void thousandsOfNamesAreNotListed() {
        var tensors = IntStream.range(0, 1000).mapToObj(i -> "tensor" + i).toList();

        String hint = ClosestName.hint("weights", tensors);

        assertEquals("984 more", hint.substring(hint.length() - 8));
    }
}
