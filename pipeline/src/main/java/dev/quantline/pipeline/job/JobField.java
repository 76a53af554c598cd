package dev.quantline.pipeline.job;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.quantize.settings.Recipe;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A field that a job request may have, as the published schema describes it.
 *
 * @param path        names of objects and the field's own, with dots between; {@code NAME} stands for a name the user chooses
 * @param type        {@code string}, {@code list of integer} and the like
 * @param values      all that it may be; empty where limits say that, or nothing does
 * @param limits      what a value must keep to, in words
 * @param required    whether its object cannot do without it
 * @param standard    its value where it is not stated, as JSON, whatever the preset; empty where there is none
 * @param presets     its value where it is not stated, as JSON, by preset; empty for what presets do not set
 * @param description what it does
 */
public record JobField(
        String path,
        String type,
        List<String> values,
        List<String> limits,
        boolean required,
        Optional<String> standard,
        Map<String, String> presets,
        String description) {
    private static final String ANY = "NAME";
    private static final String RECIPE = "recipe.";

    /** Every field, objects before their own, in the schema's order. */
    public static List<JobField> all() {
        var schema = JobReader.publishedSchema();
        var fields = new ArrayList<JobField>();
        collect("", schema, schema, fields::add);
        return List.copyOf(fields);
    }

    /** Whether it is an object that has this field, at any depth. */
    public boolean has(JobField inner) {
        return inner.path.startsWith(path + ".");
    }

    private static void collect(String at, JsonNode object, JsonNode schema, Consumer<JobField> found) {
        object.path("properties").properties().forEach(field -> {
            var path = at + field.getKey();
            var resolved = resolved(field.getValue(), schema);
            boolean required = object.path("required")
                    .valueStream()
                    .anyMatch(name -> name.asText().equals(field.getKey()));
            found.accept(new JobField(
                    path,
                    type(resolved, schema),
                    values(resolved, schema),
                    limits(resolved, schema),
                    required,
                    Optional.of(resolved.path("default"))
                            .filter(value -> !value.isMissingNode())
                            .map(JsonNode::toString),
                    resolved.has("default") ? Map.of() : presets(path),
                    resolved.path("description").asText()));
            collect(path + ".", resolved, schema, found);
            collect(path + "." + ANY + ".", resolved.path("additionalProperties"), schema, found);
        });
    }

    /** What a reference stands for, with what is said beside it. */
    private static JsonNode resolved(JsonNode node, JsonNode schema) {
        if (!node.has("$ref")) {
            return node;
        }
        var merged =
                (ObjectNode) schema.at(node.path("$ref").asText().substring(1)).deepCopy();
        merged.setAll((ObjectNode) node);
        merged.remove("$ref");
        return merged;
    }

    private static Stream<JsonNode> choices(JsonNode node, JsonNode schema) {
        return node.path("anyOf").valueStream().map(choice -> resolved(choice, schema));
    }

    private static String type(JsonNode node, JsonNode schema) {
        if (node.has("type")) {
            var types = node.path("type").isArray()
                    ? node.path("type").valueStream().map(JsonNode::asText).toList()
                    : List.of(node.path("type").asText());
            return String.join(" or ", types)
                    .replace("array", "list of " + type(resolved(node.path("items"), schema), schema));
        }
        return node.has("enum")
                ? type(node.path("enum").path(0))
                : node.has("const")
                        ? type(node.path("const"))
                        : choices(node, schema)
                                .map(choice -> type(choice, schema))
                                .distinct()
                                .reduce((one, other) -> one + " or " + other)
                                .orElse("any");
    }

    private static String type(JsonNode value) {
        return value.isTextual()
                ? "string"
                : value.isBoolean() ? "boolean" : value.isIntegralNumber() ? "integer" : "number";
    }

    private static List<String> values(JsonNode node, JsonNode schema) {
        if (node.has("const")) {
            return List.of(node.path("const").asText());
        }
        if (node.path("then").has("enum")) {
            return values(node.path("then"), schema);
        }
        var listed = node.has("enum") ? node.path("enum") : node.path("items").path("enum");
        return listed.valueStream().map(JsonNode::asText).toList();
    }

    private static List<String> limits(JsonNode node, JsonNode schema) {
        var limits = new ArrayList<String>();
        var least = node.path("minimum");
        var most = node.path("maximum");
        if (!least.isMissingNode() && !most.isMissingNode()) {
            limits.add(least.asText() + " to " + most.asText());
        } else {
            limit(node, "minimum", "at least %s", limits);
            limit(node, "maximum", "at most %s", limits);
        }
        limit(node, "exclusiveMinimum", "above %s", limits);
        limit(node, "pattern", "of the form %s", limits);
        limit(node.path("additionalProperties"), "pattern", "each of the form %s", limits);
        if (node.path("uniqueItems").asBoolean()) {
            limits.add("each once");
        }
        choices(node, schema)
                .forEach(choice -> limits.addAll(
                        choice.has("const")
                                ? List.of("or " + choice.path("const").asText())
                                : limits(choice, schema)));
        return List.copyOf(limits);
    }

    private static void limit(JsonNode node, String keyword, String words, List<String> limits) {
        if (node.has(keyword)) {
            limits.add(words.formatted(node.path(keyword).asText()));
        }
    }

    private static Map<String, String> presets(String path) {
        var values = new LinkedHashMap<String, String>();
        if (path.startsWith(RECIPE)) {
            var pointer = "/" + path.substring(RECIPE.length()).replace('.', '/');
            Recipe.presets().properties().forEach(preset -> {
                var value = preset.getValue().at(pointer);
                if (!value.isMissingNode() && !value.isObject()) {
                    values.put(preset.getKey(), value.toString());
                }
            });
        }
        return values;
    }
}
