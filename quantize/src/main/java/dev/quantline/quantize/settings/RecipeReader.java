package dev.quantline.quantize.settings;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.ArrayList;

/** Fills in what a recipe leaves to its preset. */
public final class RecipeReader {
    private static final ObjectNode PRESETS = Recipe.presets();

    private RecipeReader() {}

    /**
     * A preset as it is.
     *
     * @throws BadInput when there is none of that name
     */
    public static Recipe preset(String name) {
        return read(PRESETS.textNode(name));
    }

    /**
     * Reads a recipe.
     *
     * @param recipe the name of a preset, or an object of the published schema that overrides one
     * @throws BadInput when it cannot be read
     */
    public static Recipe read(JsonNode recipe) {
        var expanded = expand(recipe);
        var tune = (ObjectNode) expanded.path("tune");
        if (tune.path("quanttune").isBoolean()) {
            boolean wanted = tune.remove("quanttune").booleanValue();
            if (wanted) {
                tune.putObject("quanttune");
            }
        }
        try {
            return Json.MAPPER.treeToValue(expanded, Recipe.class);
        } catch (JsonProcessingException e) {
            throw new BadInput("the recipe cannot be read: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * The recipe with everything that it does not state. The size a preset aims at is for those who do not say what to keep.
     *
     * @throws BadInput when there is no such preset
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
