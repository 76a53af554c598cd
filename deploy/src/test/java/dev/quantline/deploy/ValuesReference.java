package dev.quantline.deploy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.deploy.ValuesFile.Entry;
import java.util.List;
import java.util.stream.Collectors;

/** What is generated from {@code values.yaml}: the JSON schema, the table of README, and the names that templates check. */
record ValuesReference(ValuesFile values) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String DEFAULTS = "stageDefaults";
    private static final String STAGES = "stages.";

    /** {@code values.schema.json}. Names are checked by the templates, which can say what was meant; types and limits here. */
    String schema() throws JsonProcessingException {
        var schema = JSON.createObjectNode();
        schema.put("$schema", "https://json-schema.org/draft-07/schema#");
        schema.put("title", "Values of the Quantline chart");
        schema.put("type", "object");
        properties(schema, values.entries());
        return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(schema) + "\n";
    }

    private void properties(ObjectNode schema, List<Entry> entries) {
        var properties = schema.putObject("properties");
        entries.forEach(entry -> {
            var property = properties.putObject(entry.name());
            if (entry.path().startsWith(STAGES)) {
                property.put("description", entry.description());
                property.put("$ref", "#/properties/" + DEFAULTS);
                return;
            }
            if (entry.types().size() == 1) {
                property.put("type", entry.types().getFirst());
            } else {
                entry.types().forEach(property.putArray("type")::add);
            }
            if (entry.isSection()) {
                properties(property, entry.below());
                return;
            }
            property.put("description", entry.description());
            property.set("default", JSON.valueToTree(entry.standard()));
            entry.limits().forEach(limit -> limit(property, limit));
        });
    }

    private static void limit(ObjectNode property, ValuesFile.Limit limit) {
        switch (limit.kind()) {
            case "enum" -> List.of(limit.value().split(", ")).forEach(property.withArray("enum")::add);
            case "minimum" -> property.put("minimum", Integer.parseInt(limit.value()));
            default -> property.put("pattern", limit.value());
        }
    }

    /** {@code files/known-values.yaml}: each path and what lies below it, a map with known names, a stage, or anything. */
    String knownValues() {
        return values.all().stream()
                .map(entry -> entry.path() + ": " + kind(entry) + "\n")
                .collect(Collectors.joining(
                        "", "# Generated from values.yaml: what templates/_validate.tpl knows.\n", ""));
    }

    private static String kind(Entry entry) {
        if (entry.path().startsWith(STAGES)) {
            return "stage";
        }
        // What a parent chart holds below global is nobody's business.
        return entry.isSection() && !entry.path().equals("global") ? "map" : "value";
    }

    /** The table of README. */
    String table() {
        return values.all().stream()
                .filter(entry -> !entry.isSection())
                .map(this::row)
                .collect(Collectors.joining("", "| value | default | |\n|---|---|---|\n", ""));
    }

    private String row(Entry entry) {
        var standard = json(entry.standard()).replace("|", "\\|");
        return "| `%s` | `%s` | %s |\n".formatted(entry.path(), standard, entry.description());
    }

    private static String json(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
