package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.quantize.settings.Json;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Function;

/**
 * A job request over local files.
 *
 * @param recipe a preset's name or a recipe object; empty for the default
 * @param normalize as in a job request
 * @param inputs    as in a job request
 */
record LocalJob(
        String id,
        Path model,
        Path calibration,
        Optional<Evaluation> evaluation,
        Optional<Training> training,
        Optional<JsonNode> recipe,
        Optional<JsonNode> normalize,
        Optional<JsonNode> inputs,
        Optional<String> target) {

    /**
     * The data a metric is measured on; an empty metric leaves the choice to the request's default.
     *
     * @param metric a name, or the path of an ONNX graph
     */
    record Evaluation(Path data, Optional<String> metric, Optional<String> output, Optional<String> better) {
        /** The file of a custom metric; empty for a built-in one. */
        Optional<Path> graph() {
            return metric.filter(name -> name.endsWith(".onnx")).map(Path::of);
        }
    }

    /** The data a loss is computed on; an empty loss leaves the choice to the request's default. */
    record Training(Path data, Optional<String> loss) {}

    /** The request with every file replaced by what the function says it is called in the store. */
    ObjectNode request(Function<Path, String> stored) {
        var request = Json.MAPPER.createObjectNode();
        request.put("id", id);
        request.put("model", stored.apply(model));
        request.put("calibration", stored.apply(calibration));
        inputs.ifPresent(value -> request.set("inputs", value));
        normalize.ifPresent(value -> request.set("normalize", value));
        evaluation.ifPresent(value -> {
            var node = request.putObject("evaluation").put("data", stored.apply(value.data()));
            value.graph().map(stored).or(value::metric).ifPresent(metric -> node.put("metric", metric));
            value.output().ifPresent(output -> node.put("output", output));
            value.better().ifPresent(better -> node.put("better", better));
        });
        training.ifPresent(value -> {
            var node = request.putObject("training").put("data", stored.apply(value.data()));
            value.loss().ifPresent(loss -> node.put("loss", loss));
        });
        recipe.ifPresent(value -> request.set("recipe", value));
        target.ifPresent(value -> request.put("target", value));
        return request;
    }
}
