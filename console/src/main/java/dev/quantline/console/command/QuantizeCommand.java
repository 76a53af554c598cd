package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "quantize", description = "quantizes one model from start to finish", mixinStandardHelpOptions = true)
final class QuantizeCommand implements Callable<Integer> {
    @Parameters(paramLabel = "MODEL.onnx", description = "the float model; external data files beside it are found")
    private Path model;

    @Option(
            names = "--data",
            required = true,
            paramLabel = "CAL.npz",
            description = "calibration data: one array per model input; or a folder of such files")
    private Path data;

    @Option(names = "--eval", paramLabel = "VAL.npz", description = "evaluation data")
    private Path evaluation;

    @Option(
            names = "--metric",
            paramLabel = "NAME|FILE.onnx",
            description =
                    "top1, f1, pairs, perplexity, cer, psnr, map, fidelity (default) and others, or an ONNX file with a custom metric")
    private String metric;

    @Option(
            names = "--metric-output",
            paramLabel = "NAME",
            description = "the output that the metric reads (default: the first float output)")
    private String metricOutput;

    @Option(names = "--better", paramLabel = "higher|lower", description = "which values of a custom metric are better")
    private String better;

    @Option(
            names = "--batch-axis",
            paramLabel = "INPUT=AXIS",
            description =
                    "an input whose samples lie along an axis other than the first, counted from 0; may be repeated")
    private Map<String, Integer> batchAxes = new TreeMap<>();

    @Option(
            names = "--constant",
            paramLabel = "INPUT",
            description = "an input that is the same for all samples; may be repeated")
    private List<String> constants = new ArrayList<>();

    @Option(names = "--train", paramLabel = "TRAIN.npz", description = "training data")
    private Path training;

    @Option(names = "--loss", description = "cross_entropy, pairs, next_token or distill (default)")
    private String loss;

    @Option(names = "--target", description = "where the file will run: cpu (default, any x86 or ARM) or cpu-vnni")
    private String target;

    @Option(
            names = "--normalize",
            paramLabel = "FILE",
            description = "JSON: {\"input\": {\"mean\": [..], \"std\": [..]}} for uint8 images")
    private Path normalize;

    @Option(names = "--id", description = "the job's id (default: the model's name and the time)")
    private String id;

    @Mixin
    private RecipeOption recipe;

    @Mixin
    private ResultOptions result;

    @Override
    public Integer call() throws Exception {
        requireTogether("--eval", evaluation, "--metric", metric);
        requireTogether("--eval", evaluation, "--metric-output", metricOutput);
        requireTogether("--eval", evaluation, "--better", better);
        requireTogether("--train", training, "--loss", loss);
        var job = new LocalJob(
                id == null ? JobIds.of(ModelOption.readable(model)) : id,
                ModelOption.readable(model),
                data(data),
                Optional.ofNullable(evaluation)
                        .map(file -> new LocalJob.Evaluation(
                                data(file),
                                Optional.ofNullable(metric),
                                Optional.ofNullable(metricOutput),
                                Optional.ofNullable(better))),
                Optional.ofNullable(training).map(file -> new LocalJob.Training(data(file), Optional.ofNullable(loss))),
                recipe(),
                normalize == null ? Optional.empty() : Optional.of(SubmitCommand.json(normalize)),
                inputs(),
                Optional.ofNullable(target));
        job.evaluation().flatMap(LocalJob.Evaluation::graph).ifPresent(ModelOption::readable);
        return new LocalRun(result.output).run(job, result.stack, result.outOr(job.id()));
    }

    /** Where inputs have their samples, as the request carries it. */
    private Optional<JsonNode> inputs() {
        var inputs = Json.MAPPER.createObjectNode();
        batchAxes.forEach((name, axis) -> inputs.withObjectProperty(name).put("batch", axis));
        constants.forEach(name -> inputs.withObjectProperty(name).put("constant", true));
        return inputs.isEmpty() ? Optional.empty() : Optional.of(inputs);
    }

    /** The recipe as the request carries it; a budget turns a name into an object that overrides it. */
    private Optional<JsonNode> recipe() throws IOException {
        var named = recipe.named();
        if (result.size().isEmpty()) {
            return named;
        }
        var over = named.orElse(TextNode.valueOf("mixed"));
        var object = over instanceof ObjectNode given
                ? given.deepCopy()
                : Json.MAPPER.createObjectNode().put("preset", over.asText());
        object.withObject("/allocate").put("size", result.size().get());
        return Optional.of(object);
    }

    private static Path data(Path fileOrFolder) {
        return Files.isDirectory(fileOrFolder) ? fileOrFolder : ModelOption.readable(fileOrFolder);
    }

    private static void requireTogether(String dataOption, Path data, String choiceOption, String choice) {
        if (data == null && choice != null) {
            throw new BadInput(choiceOption + " " + choice + " needs data: give " + dataOption + " FILE.npz as well");
        }
    }
}
