package dev.quantline.quantize.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.quantize.settings.Recipe.Allocate;
import dev.quantline.quantize.settings.Recipe.QuantTune;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RecipeTest {
    @Test
    void whatIsNotStatedIsStandardAtEveryDepth() throws JsonProcessingException {
        // Given a recipe of an older version, which lacks fields
        var stated = "{\"weightBits\": 4, \"tune\": {\"training\": {\"steps\": 7}}, \"allocate\": {\"size\": 0.5}}";
        // When it is read
        var recipe = Json.MAPPER.readValue(stated, Recipe.class);
        // Then it has what it states, and otherwise the defaults
        assertEquals(new Width(4, 8), recipe.base());
        assertEquals("int8", recipe.preset());
        assertEquals(Products.STANDARD, recipe.products());
        assertEquals(ActivationRange.MSE, recipe.calibrate().range());
        assertEquals(Json.part(Training.class, "{}").withSteps(7), recipe.tune().training());
        assertEquals(List.of(4, 8), recipe.allocate().orElseThrow().bits());
        assertTrue(recipe.goal().isEmpty() && recipe.tune().quanttune().isEmpty());
    }

    @Test
    void everyPresetIsCompleteAndReadsBackAsItself() throws JsonProcessingException {
        for (var preset : Recipe.presets().properties()) {
            var wanted = preset.getValue().deepCopy();
            if (wanted.path("tune").path("quanttune").isBoolean()) {
                ((ObjectNode) wanted.path("tune")).remove("quanttune");
            }
            var recipe = Json.MAPPER.treeToValue(wanted, Recipe.class);
            assertEquals(recipe, Json.read(Json.bytes(recipe), Recipe.class), preset.getKey());
            assertTrue(wanted.at("/tune/training/rates").has("decision"), preset.getKey());
        }
    }

    @Test
    void aPartHasWhatIsStatedAndRefusesWhatItHasNot() {
        var quanttune = Json.part(QuantTune.class, "{k: 4}");

        assertEquals(new QuantTune(0.5, 4, 2, Integer.MAX_VALUE, 32, 2e-5, 0.01, 1, 0), quanttune);
        assertThrows(IllegalArgumentException.class, () -> Json.part(QuantTune.class, "{lamda: 4}"));
    }

    @Test
    void aFactorMeetsRatesAndNotTheWeightOfATerm() {
        var training = Json.part(Training.class, "{}").withRates(2);

        assertEquals(new Rates(0.02, 0.04, 0.02, 0.004, 0.01, 0.004, 1e-6, 0), training.rates());
    }

    @Test
    void aSizeMakesAnAimVoid() {
        var allocate = Json.part(Allocate.class, "{size: 0.2, aim: 0.15}");

        assertTrue(allocate.aim().isEmpty());
        assertEquals(0.2, allocate.size().orElseThrow());
    }
}
