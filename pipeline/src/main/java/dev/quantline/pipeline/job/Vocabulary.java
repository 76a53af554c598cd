package dev.quantline.pipeline.job;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.PathType;
import com.networknt.schema.SchemaValidatorsConfig;
import com.networknt.schema.SpecVersion.VersionFlag;
import com.networknt.schema.ValidationMessage;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** The fields and values a request may have, as the published schema lists them. */
final class Vocabulary {
    private final JsonNode published;
    private final JsonSchema schema;
    private final List<String> fields = new ArrayList<>();

    /** @param published a JSON Schema, draft 2020-12 */
    Vocabulary(JsonNode published) {
        this.published = published;
        var config = SchemaValidatorsConfig.builder()
                .pathType(PathType.JSON_PATH)
                .locale(Locale.ENGLISH)
                .build();
        schema = JsonSchemaFactory.getInstance(VersionFlag.V202012).getSchema(published, config);
        collect("", published);
    }

    private void collect(String at, JsonNode object) {
        object.path("properties").properties().forEach(field -> {
            fields.add(at + field.getKey());
            collect(at + field.getKey() + ".", field.getValue());
        });
    }

    /**
     * Checks that a request contains nothing else. An unknown name explains most other errors, so it is reported first.
     *
     * @throws BadInput whose message begins with the path of the field
     */
    void check(JsonNode request) {
        schema.validate(request).stream()
                .min(Comparator.comparing((ValidationMessage fault) -> !isUnknownField(fault))
                        .thenComparing(Vocabulary::path))
                .ifPresent(fault -> {
                    throw new BadInput(path(fault) + ": " + reason(fault));
                });
    }

    private static boolean isUnknownField(ValidationMessage fault) {
        return fault.getType().equals("additionalProperties");
    }

    private String reason(ValidationMessage fault) {
        var value = fault.getInstanceNode();
        if (isUnknownField(fault)) {
            return "no such field: " + fieldHint(fault);
        }
        if (fault.getType().equals("enum") && value.isTextual()) {
            var known =
                    fault.getSchemaNode().valueStream().map(JsonNode::asText).toList();
            return "'" + value.asText() + "' is unknown: " + ClosestName.hint(value.asText(), known);
        }
        return fault.getError();
    }

    /** A field of the same object that is spelt much like it, or one of the same name that belongs elsewhere. */
    private String fieldHint(ValidationMessage fault) {
        String name = fault.getProperty();
        var keyword = fault.getSchemaLocation().getFragment().toString();
        var object = published.at(keyword.substring(0, keyword.lastIndexOf('/')));
        var beside = object.path("properties")
                .propertyStream()
                .map(field -> field.getKey())
                .toList();
        if (ClosestName.to(name, beside).isEmpty()) {
            var elsewhere = fields.stream()
                    .filter(field -> field.substring(field.lastIndexOf('.') + 1).equalsIgnoreCase(name))
                    .toList();
            if (!elsewhere.isEmpty()) {
                return "did you mean " + String.join(" or ", elsewhere) + "?";
            }
        }
        return ClosestName.hint(name, beside);
    }

    private static String path(ValidationMessage fault) {
        var at = fault.getInstanceLocation().toString().replaceFirst("^\\$\\.?", "");
        var property = fault.getType().equals("required") || isUnknownField(fault) ? fault.getProperty() : null;
        return property == null ? at.isEmpty() ? "request" : at : at.isEmpty() ? property : at + "." + property;
    }
}
