package dev.quantline.quantize.settings;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.DeserializationConfig;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.deser.BeanDeserializerModifier;
import com.fasterxml.jackson.databind.deser.std.DelegatingDeserializer;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.databind.node.TreeTraversingParser;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;

/** Adds the default values of {@link Setting settings} when their records are read and state nothing. */
final class Standards extends BeanDeserializerModifier {
    private static final ObjectMapper PLAIN = new ObjectMapper();

    /** Every default value of a record, including nested records; optional components are left out. */
    static ObjectNode of(Class<?> type) {
        var values = JsonNodeFactory.instance.objectNode();
        for (var component : type.getRecordComponents()) {
            if (component.getType().isRecord()) {
                values.set(component.getName(), of(component.getType()));
            } else if (has(component)) {
                values.set(component.getName(), of(component));
            }
        }
        return values;
    }

    static boolean has(RecordComponent component) {
        var setting = component.getAnnotation(Setting.class);
        return setting != null && !setting.standard().isEmpty();
    }

    private static JsonNode of(RecordComponent component) {
        var text = component.getAnnotation(Setting.class).standard();
        try {
            return component.getType().isEnum() || component.getType() == String.class
                    ? TextNode.valueOf(text)
                    : PLAIN.readTree(text);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(component + ": the default value is not JSON: " + text, e);
        }
    }

    @Override
    public JsonDeserializer<?> modifyDeserializer(
            DeserializationConfig config, BeanDescription description, JsonDeserializer<?> deserializer) {
        var type = description.getBeanClass();
        return type.isRecord()
                        && Arrays.stream(type.getRecordComponents())
                                .anyMatch(component -> component.isAnnotationPresent(Setting.class))
                ? new Completing(deserializer, of(type))
                : deserializer;
    }

    private static final class Completing extends DelegatingDeserializer {
        private static final long serialVersionUID = 1;
        private final ObjectNode standard;

        Completing(JsonDeserializer<?> reader, ObjectNode standard) {
            super(reader);
            this.standard = standard;
        }

        @Override
        protected JsonDeserializer<?> newDelegatingInstance(JsonDeserializer<?> reader) {
            return new Completing(reader, standard);
        }

        @Override
        public Object deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            var complete = standard.deepCopy();
            context.readTree(parser).properties().forEach(field -> complete.set(field.getKey(), field.getValue()));
            try (var completed = new TreeTraversingParser(complete, parser.getCodec())) {
                completed.nextToken();
                return super.deserialize(completed, context);
            }
        }
    }
}
