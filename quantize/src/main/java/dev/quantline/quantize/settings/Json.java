package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import dev.quantline.onnx.Escaped;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * The one JSON mapping of the project: fields that a newer version may have added to an event are ignored (requests are checked
 * against their schema), empty optionals are omitted, and map keys and properties are sorted, so that equal values give equal
 * bytes.
 */
public final class Json {
    public static final ObjectMapper MAPPER = JsonMapper.builder()
            .addModule(new Jdk8Module())
            .addModule(new SimpleModule().setDeserializerModifier(new Standards()))
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .enable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .serializationInclusion(JsonInclude.Include.NON_ABSENT)
            .build();

    private Json() {}

    /** The value as UTF-8 JSON without white space, escaped as {@link Escaped} does; equal records give equal bytes. */
    public static byte[] bytes(Object value) {
        try {
            return Escaped.text(MAPPER.writeValueAsString(value)).getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("cannot be written as JSON: " + value.getClass(), e);
        }
    }

    public static JsonNode tree(Object value) {
        return MAPPER.valueToTree(value);
    }

    /**
     * A section of a recipe from what differs from the default: {@code {layers: 'off', samples: 64}}.
     *
     * @throws IllegalArgumentException if the section has no such components
     */
    public static <T extends Record> T part(Class<T> part, String stated) {
        try {
            return MAPPER.readerFor(part)
                    .with(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                    .withFeatures(JsonReadFeature.ALLOW_UNQUOTED_FIELD_NAMES, JsonReadFeature.ALLOW_SINGLE_QUOTES)
                    .readValue(stated);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(part.getSimpleName() + " cannot be read from " + stated, e);
        }
    }

    /** The first object, overridden by the second: objects field by field, anything else as a whole. */
    public static ObjectNode merge(ObjectNode base, ObjectNode over) {
        over.properties().forEach(field -> {
            if (field.getValue() instanceof ObjectNode stated && base.get(field.getKey()) instanceof ObjectNode inner) {
                merge(inner, stated);
            } else {
                base.set(field.getKey(), field.getValue());
            }
        });
        return base;
    }

    /**
     * Reads JSON written by hand.
     *
     * @throws JsonProcessingException if it is not JSON, or a field occurs twice, so that one of its values would have
     *     no effect
     */
    public static JsonNode stated(byte[] json) throws IOException {
        return MAPPER.reader()
                .with(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .readTree(json);
    }

    /**
     * Reads JSON that this project wrote.
     *
     * @throws UncheckedIOException if the bytes are not JSON of that type
     */
    public static <T> T read(byte[] json, Class<T> type) {
        try {
            var read = MAPPER.readValue(json, type);
            if (read == null) {
                throw new IOException("it is null");
            }
            return read;
        } catch (IOException e) {
            throw new UncheckedIOException("not a " + type.getSimpleName(), e);
        }
    }
}
