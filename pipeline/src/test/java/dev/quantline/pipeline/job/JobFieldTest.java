package dev.quantline.pipeline.job;

import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class JobFieldTest {
    private static final Map<String, JobField> FIELDS =
            JobField.all().stream().collect(Collectors.toMap(JobField::path, Function.identity()));

    @Test
    void everyFieldSaysWhatItDoes() {
        assertEquals(
                List.of(),
                FIELDS.values().stream()
                        .filter(field -> !field.description().matches("[^ ].+\\."))
                        .map(JobField::path)
                        .toList());
    }

    @Test
    void typesAndLimitsAreTheSchemas() {
        // Given fields of every kind
        // Then each is described as the schema has it, references and choices followed
        assertEquals("integer", FIELDS.get("recipe.activationBits").type());
        assertEquals(
                List.of("2 to 16", "or 32"), FIELDS.get("recipe.activationBits").limits());
        assertEquals("list of integer", FIELDS.get("recipe.allocate.bits").type());
        assertEquals(
                List.of("2", "3", "4", "5", "6", "7", "8"),
                FIELDS.get("recipe.allocate.bits").values());
        assertEquals("boolean or object", FIELDS.get("recipe.tune.quanttune").type());
        assertEquals("string or object", FIELDS.get("recipe").type());
        assertTrue(FIELDS.get("recipe").values().contains("w4a8"));
        assertEquals(
                List.of("above 0", "at most 1"),
                FIELDS.get("recipe.allocate.size").limits().reversed());
        assertTrue(FIELDS.get("model").required() && !FIELDS.get("recipe").required());
        assertTrue(FIELDS.containsKey("inputs.NAME.batch"));
    }

    @Test
    void standardValuesAreThoseThatAreTaken() {
        // Given what fine-tuning and allocation take where nothing is stated
        var taken = Json.tree(new Recipe.QuantTune(null, null, null, null, null, null, null, null, null));
        var allocate = new Recipe.Allocate(
                null,
                null,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                null,
                null);
        // Then the schema says the same
        taken.properties().stream()
                .filter(knob -> !knob.getKey().equals("steps"))
                .forEach(knob -> assertEquals(
                        knob.getValue().asDouble(),
                        Double.parseDouble(FIELDS.get("recipe.tune.quanttune." + knob.getKey())
                                .standard()
                                .orElseThrow()),
                        knob.getKey()));
        assertEquals(
                Json.tree(allocate.bits()).toString(),
                FIELDS.get("recipe.allocate.bits").standard().orElseThrow());
        assertEquals(
                Json.tree(allocate.activations()).toString(),
                FIELDS.get("recipe.allocate.activations").standard().orElseThrow());
    }
}
