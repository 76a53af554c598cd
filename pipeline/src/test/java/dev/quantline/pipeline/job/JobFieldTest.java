package dev.quantline.pipeline.job;

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
    void aFieldHasOneDefaultOrOneByPreset() {
        // Given settings that no preset changes, and others
        // Then the former have a default of their own, and the latter one for every preset
        assertEquals(
                Optional.of("0.5"), FIELDS.get("recipe.tune.quanttune.lambda").standard());
        assertEquals(Optional.of("[4,8]"), FIELDS.get("recipe.allocate.bits").standard());
        assertEquals(
                Optional.of("\"mse\""), FIELDS.get("recipe.calibrate.range").standard());
        assertEquals(Map.of(), FIELDS.get("recipe.calibrate.range").presets());
        assertEquals(Optional.empty(), FIELDS.get("recipe.tune.training.steps").standard());
        assertEquals(
                Map.of(
                        "int8",
                        "300",
                        "w8a8-fast",
                        "300",
                        "w6a6",
                        "300",
                        "w4a8",
                        "300",
                        "w4a4",
                        "300",
                        "weights4",
                        "200",
                        "mixed",
                        "300"),
                FIELDS.get("recipe.tune.training.steps").presets());
        assertEquals(Map.of("mixed", "0.15"), FIELDS.get("recipe.allocate.aim").presets());
    }
}
