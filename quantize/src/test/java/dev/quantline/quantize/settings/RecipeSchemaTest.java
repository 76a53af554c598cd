package dev.quantline.quantize.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RecipeSchemaTest {
    private static final JsonNode SCHEMA = RecipeSchema.generate();

    private static ObjectNode field(String path) {
        var pointer = "/properties/" + path.replace(".", "/properties/");
        return SCHEMA.at(pointer).deepCopy();
    }

    /** One field of each kind. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            weightBits                   | {"type": "integer", "minimum": 2, "maximum": 16}
            activationBits               | {"anyOf": [{"type": "integer", "minimum": 2, "maximum": 16}, {"const": 32}]}
            products                     | {"enum": ["standard", "matmulnbits"], "default": "standard"}
            exclude                      | {"type": "array", "items": {"type": "string", "minLength": 1}, "default": []}
            calibrate.range | {"enum": ["minmax", "movingaverage", "percentile", "entropy", "mse", "mae", "auto"], "default": "mse"}
            calibrate.granularity        | {"enum": ["tensor", "channel", "block"]}
            calibrate.block              | {"enum": [16, 32, 64, 128, 256], "default": 32}
            calibrate.padding            | {"type": "boolean", "default": false}
            tune.bias                    | {"type": "boolean"}
            tune.minutes                 | {"type": "number", "exclusiveMinimum": 0}
            tune.quanttune.steps         | {"type": "integer", "minimum": 1}
            tune.quanttune.rate          | {"type": "number", "exclusiveMinimum": 0, "default": 2e-5}
            tune.training.mix            | {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5}
            tune.training.loss           | {"enum": ["mse", "mae"], "default": "mse"}
            tune.training.seed           | {"type": "integer", "default": 0}
            tune.training.rates.decision | {"type": "number", "minimum": 0, "default": 1e-6}
            allocate.size                | {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
            allocate.bits | {"type":"array","minItems":1,"uniqueItems":true,"items":{"enum":[2,3,4,5,6,7,8]},"default":[4,8]}
            allocate.pinned | {"type": "object", "additionalProperties": {"type": "string", "pattern": "^[2-8]/[2-8]$"}, "default": {}}
            goal.drop                    | {"type": "number", "minimum": 0}
            """)
    void everyKindOfFieldHasItsKeywords(String path, String keywords) throws JsonProcessingException {
        var field = field(path);

        assertTrue(field.remove("description").asText().endsWith("."), path);
        assertEquals(Json.MAPPER.readTree(keywords), field);
    }

    @Test
    void objectsRefuseWhatTheyDoNotHaveAndAskForWhatHasNoStandard() throws JsonProcessingException {
        assertFalse(field("tune.training").path("additionalProperties").asBoolean(true));
        assertEquals(Json.MAPPER.readTree("[\"drop\"]"), field("goal").path("required"));
        assertFalse(field("tune").has("required"));
        assertEquals(
                Json.MAPPER.readTree("[\"boolean\", \"object\"]"),
                field("tune.quanttune").path("type"));
    }

    @Test
    void aRecipeIsAPresetsNameOrOverridesOne() {
        assertEquals("int8", SCHEMA.path("default").asText());
        assertEquals(Recipe.presets().size(), SCHEMA.at("/then/enum").size());
        assertEquals(SCHEMA.at("/then/enum"), field("preset").path("enum"));
        assertEquals("int8", field("preset").path("default").asText());
    }
}
