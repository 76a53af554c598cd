package dev.quantline.pipeline.job;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import java.util.List;

/**
 * The settings of the contract that the stages do today, in one table. A value outside its row is answered with
 * "not yet supported", never ignored; a stage that learns one adds it here.
 */
final class Supported {
    /** A field's path in the complete request and the values that are done; absent fields pass. */
    private record Row(String path, List<String> values) {
    }

    private static final List<Row> TABLE = List.of(
            new Row("recipe.preset", List.of("int8", "w8a8-fast", "w6a6", "w4a8", "w4a4", "weights4", "mixed")),
            new Row("recipe.tune.quanttune", List.of("false")),
            new Row("training", List.of()));

    private Supported() {
    }

    static void check(JsonNode request) {
        for (var row : TABLE) {
            var value = request.at("/" + row.path().replace('.', '/'));
            var text = value.isValueNode() ? value.asText() : value.toString();
            if (!value.isMissingNode() && !row.values().contains(text)) {
                var hint = row.values().isEmpty() ? "; leave it out" : "; supported: " + String.join(", ", row.values());
                throw new BadInput("not yet supported: " + row.path() + (value.isTextual() ? " " + text : "") + hint);
            }
        }
    }
}
