package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The JSON Schema (draft 2020-12) of a recipe, generated from its records. A field states its default if all presets share it;
 * otherwise it states none.
 */
public final class RecipeSchema {
    private static final String PRESET = "/preset";

    private final ObjectNode presets = Recipe.presets();

    private RecipeSchema() {}

    /** The schema of a recipe: the name of a preset, or an object that overrides the preset that it names. */
    public static ObjectNode generate() {
        var recipe = new RecipeSchema().object(Recipe.class, "");
        var preset = (ObjectNode) recipe.at("/properties" + PRESET);
        recipe.set("default", preset.get("default"));
        recipe.putArray("type").add("string").add("object");
        recipe.putObject("if").put("type", "string");
        recipe.putObject("then").set("enum", preset.get("enum"));
        return recipe.put("description", "A preset's name, or an object that overrides the preset it names.");
    }

    private ObjectNode object(Class<?> type, String pointer) {
        var schema = node().put("type", "object").put("additionalProperties", false);
        var fields = schema.putObject("properties");
        for (var component : type.getRecordComponents()) {
            fields.set(component.getName(), field(component, pointer + "/" + component.getName()));
            if (component.getType().isPrimitive() && !Standards.has(component)) {
                schema.withArray("required").add(component.getName());
            }
        }
        return schema;
    }

    private ObjectNode field(RecordComponent component, String pointer) {
        var setting = component.getAnnotation(Setting.class);
        var schema = node().put("description", setting.value());
        schema.setAll(value(component.getGenericType(), setting, pointer));
        if (setting.switched()) {
            schema.putArray("type").add("boolean").add("object");
        }
        if (Standards.has(component)) {
            var standard = Standards.of(component.getDeclaringRecord()).get(component.getName());
            if (presets.valueStream()
                    .map(preset -> preset.at(pointer))
                    .allMatch(given -> given.isMissingNode() || given.equals(standard))) {
                schema.set("default", standard);
            }
        }
        return schema;
    }

    private ObjectNode value(Type type, Setting setting, String pointer) {
        if (type instanceof ParameterizedType generic) {
            var arguments = generic.getActualTypeArguments();
            var inner = value(arguments[arguments.length - 1], setting, pointer);
            if (generic.getRawType() == Optional.class) {
                return inner;
            }
            return generic.getRawType() == List.class
                    ? list(inner, setting)
                    : node().put("type", "object").set("additionalProperties", inner);
        }
        var plain = (Class<?>) type;
        if (plain.isRecord()) {
            return object(plain, pointer);
        }
        if (plain.isEnum()) {
            return words(plain);
        }
        if (plain == boolean.class) {
            return node().put("type", "boolean");
        }
        return plain == String.class ? text(setting, pointer) : number(plain, setting);
    }

    private static ObjectNode list(ObjectNode items, Setting setting) {
        var list = node().put("type", "array");
        if (setting.of().length > 0) {
            list.put("minItems", 1).put("uniqueItems", true);
        }
        return list.set("items", items);
    }

    /** The JSON names of the constants; those ignored by JSON are not for users. */
    private static ObjectNode words(Class<?> type) {
        var schema = node();
        var words = schema.putArray("enum");
        for (var field : type.getFields()) {
            if (field.isEnumConstant() && !field.isAnnotationPresent(JsonIgnore.class)) {
                words.add(field.getName().toLowerCase(Locale.ROOT));
            }
        }
        return schema;
    }

    private ObjectNode text(Setting setting, String pointer) {
        var schema = node();
        if (pointer.equals(PRESET)) {
            presets.fieldNames().forEachRemaining(schema.putArray("enum")::add);
            return schema;
        }
        schema.put("type", "string");
        return setting.form().isEmpty() ? schema.put("minLength", 1) : schema.put("pattern", setting.form());
    }

    private static ObjectNode number(Class<?> type, Setting setting) {
        var schema = node();
        if (setting.of().length > 0) {
            Arrays.stream(setting.of()).forEach(schema.putArray("enum")::add);
            return schema;
        }
        schema.put("type", type == double.class || type == Double.class ? "number" : "integer");
        limit(schema, "minimum", setting.least());
        limit(schema, "exclusiveMinimum", setting.above());
        limit(schema, "maximum", setting.most());
        if (setting.or() == 0) {
            return schema;
        }
        var choice = node();
        choice.putArray("anyOf").add(schema).add(node().put("const", setting.or()));
        return choice;
    }

    private static void limit(ObjectNode schema, String keyword, double limit) {
        if (Double.isFinite(limit)) {
            if (limit == Math.rint(limit)) {
                schema.put(keyword, (int) limit);
            } else {
                schema.put(keyword, limit);
            }
        }
    }

    private static ObjectNode node() {
        return JsonNodeFactory.instance.objectNode();
    }
}
