package dev.quantline.quantize.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.ArrayList;

/** Fills in the settings that a recipe leaves to its preset. */
public final class RecipeReader {
    private static final ObjectNode PRESETS = Recipe.presets();

    private RecipeReader() {}

    /**
     * A preset without overrides.
     *
     * @throws BadInput if there is no preset of that name
     */
    public static Recipe preset(String name) {
        return read(PRESETS.textNode(name));
    }

    /**
     * Reads a recipe.
     *
     * @param recipe the name of a preset, or an object of the published schema that overrides a preset
     * @throws BadInput if it cannot be read
     */
    public static Recipe read(JsonNode recipe) {
        var expanded = expand(recipe);
        switched((ObjectNode) expanded.path("tune"));
        try {
            return Json.MAPPER.treeToValue(expanded, Recipe.class);
        } catch (JsonProcessingException e) {
            throw new BadInput("the recipe cannot be read: " + e.getOriginalMessage(), e);
        }
    }

    /** Replaces a boolean for fine-tuning: true by an object of default values, false by none. */
    public static void switched(ObjectNode tune) {
        var word = tune.path("quanttune");
        if (word.isBoolean()) {
            tune.remove("quanttune");
            if (word.booleanValue()) {
                tune.putObject("quanttune");
            }
        }
    }

    /**
     * The recipe with everything that it does not state. The preset's target size is dropped if the recipe says what to
     * keep.
     *
     * @throws BadInput if there is no such preset
     */
    public static ObjectNode expand(JsonNode recipe) {
        var preset =
                recipe.isTextual() ? recipe.asText() : recipe.path("preset").asText("int8");
        if (!PRESETS.has(preset)) {
            var names = new ArrayList<String>();
            PRESETS.fieldNames().forEachRemaining(names::add);
            throw new BadInput("recipe.preset '" + preset + "' is unknown: " + ClosestName.hint(preset, names));
        }
        ObjectNode expanded = PRESETS.withObject("/" + preset).deepCopy();
        expanded.put("preset", preset);
        if (recipe.isObject()) {
            Json.merge(expanded, (ObjectNode) recipe);
            boolean says = recipe.has("goal") || recipe.at("/allocate/loss").isNumber();
            if (says
                    && recipe.at("/allocate/aim").isMissingNode()
                    && expanded.get("allocate") instanceof ObjectNode allocate) {
                allocate.remove("aim");
            }
        }
        return expanded;
    }
}
