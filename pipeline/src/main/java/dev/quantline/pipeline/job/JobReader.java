package dev.quantline.pipeline.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.RecipeReader;
import dev.quantline.quantize.settings.RecipeSchema;
import dev.quantline.quantize.workflow.SharedTuning;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Turns a request as a user wrote it into a complete {@link JobRequest}, or says which field cannot be used. */
public final class JobReader {
    private static final Vocabulary VOCABULARY = new Vocabulary(publishedSchema());

    private JobReader() {}

    /**
     * Validates against the published schema and expands the recipe's preset.
     *
     * @param request     a JSON object of the published schema
     * @param idIfAbsent  the id of a request that names none
     * @throws BadInput when a field is missing, unknown or unusable; the message begins with its path
     */
    public static JobRequest read(JsonNode request, String idIfAbsent) {
        VOCABULARY.check(request);
        var complete = ((ObjectNode) request).deepCopy();
        if (!complete.has("id")) {
            complete.put("id", idIfAbsent);
        }
        complete.set("recipe", RecipeReader.expand(complete.path("recipe")));
        withDefault(complete, "evaluation", "metric", "fidelity");
        withDefault(complete, "training", "loss", "distill");
        fineTuning(complete);
        try {
            var job = Json.MAPPER.treeToValue(complete, JobRequest.class);
            SharedTuning.check(job.recipe());
            return request.has("notes") ? job : job.withNotes(Effectless.notes(request.path("recipe"), job));
        } catch (JsonProcessingException e) {
            if (e.getCause() instanceof BadInput reason) {
                throw reason;
            }
            throw new BadInput("the request cannot be read: " + e.getOriginalMessage(), e);
        }
    }

    /** The published schema of a job request, JSON Schema draft 2020-12: its frame, with the schema of recipes in it. */
    public static JsonNode publishedSchema() {
        try (var in = JobReader.class.getResourceAsStream("request.schema.json")) {
            var schema = (ObjectNode) Json.MAPPER.readTree(in);
            schema.withObject("/properties").set("recipe", RecipeSchema.generate());
            return schema;
        } catch (IOException e) {
            throw new UncheckedIOException("request.schema.json", e);
        }
    }

    /** Training data is there to be used: it asks for fine-tuning, unless the recipe says how. */
    private static void fineTuning(ObjectNode request) {
        var tune = (ObjectNode) request.at("/recipe/tune");
        var wanted = tune.path("quanttune");
        if (request.has("training")) {
            if (wanted.isBoolean() && !wanted.booleanValue()) {
                throw new BadInput(
                        "training: recipe.tune.quanttune is false, so nothing would use it: leave it out, or set"
                                + " recipe.tune.quanttune to true");
            }
            if (wanted.isMissingNode()) {
                tune.put("quanttune", true);
            }
        }
        RecipeReader.switched(tune);
    }

    private static void withDefault(ObjectNode request, String object, String field, String value) {
        if (request.get(object) instanceof ObjectNode inner && !inner.has(field)) {
            inner.put(field, value);
        }
    }
}
