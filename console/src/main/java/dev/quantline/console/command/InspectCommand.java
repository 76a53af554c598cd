package dev.quantline.console.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.quantize.export.Inspection;
import dev.quantline.quantize.plan.GivenCodes;
import dev.quantline.quantize.plan.NothingToQuantize;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.plan.QuantizationEstimate;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
        name = "inspect",
        description = "shows what is in a model: bits and quantizers of every layer, sizes, origin; and "
                + "what a recipe would make of a float model, or why it cannot",
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    private static final double PERCENT = 100;
    private static final double MEGA = 1e6;

    @Parameters(paramLabel = "MODEL.onnx", description = "any ONNX model")
    private Path model;

    @Mixin
    private RecipeOption recipe;

    @Mixin
    private JsonOption json;

    /**
     * What a recipe would make of the model.
     *
     * @param recipe  as it was named
     * @param refused why it cannot make anything of it
     * @param outlook what it makes
     * @param aim     the size it allocates widths for, as a fraction of the float model's
     */
    private record Prospect(
            String recipe, Optional<String> refused, Optional<QuantizationEstimate> outlook, Optional<Double> aim) {}

    private record Result(Inspection inspection, Optional<Prospect> prospect) {}

    @Override
    public Integer call() throws Exception {
        var graph = ModelFile.read(ModelOption.readable(model));
        long bytes = ModelFile.bytes(model);
        var named = recipe.named();
        var wanted = expanded(named.orElse(TextNode.valueOf("int8")));
        var prospect = named.isPresent() || GivenCodes.layers(graph).isEmpty()
                ? Optional.of(
                        prospect(graph, bytes, named.map(InspectCommand::name).orElse("int8"), wanted))
                : Optional.<Prospect>empty();
        var result = new Result(Inspection.of(graph, bytes), prospect);
        json.print(result, () -> {
            result.inspection().lines().forEach(System.out::println);
            prospect.ifPresent(one -> tell(one, bytes));
        });
        return ExitCode.DONE;
    }

    private static String name(JsonNode recipe) {
        return recipe.isTextual() ? recipe.asText() : "the recipe";
    }

    /** Checked and completed as in a request. @throws BadInput naming a field that cannot be used */
    private static Recipe expanded(JsonNode recipe) {
        var request = Json.MAPPER
                .createObjectNode()
                .put("model", "s3://quantline/model.onnx")
                .put("calibration", "s3://quantline/data.npz");
        request.set("recipe", recipe);
        return JobReader.read(request, "inspected").recipe();
    }

    /** The checks are those of the first stage. */
    private static Prospect prospect(Graph graph, long bytes, String name, Recipe recipe) throws IOException {
        try {
            var prepared = PreparedModel.prepare(graph);
            Placement.checkExcluded(recipe.exclude(), List.of(graph, prepared));
            if (Placement.of(prepared, recipe.exclude()).isEmpty()) {
                throw new BadInput(NothingToQuantize.why(prepared, recipe.exclude()));
            }
            var widths = new QuantizationEstimate.Widths(
                    recipe.weightBits(),
                    recipe.activationBits(),
                    recipe.calibrate().blockSize());
            return new Prospect(
                    name,
                    Optional.empty(),
                    Optional.of(QuantizationEstimate.of(prepared, recipe.exclude(), widths, bytes)),
                    recipe.allocate().flatMap(choice -> choice.size().or(choice::aim)));
        } catch (BadInput refusal) {
            return new Prospect(name, Optional.of(refusal.getMessage()), Optional.empty(), Optional.empty());
        }
    }

    private static void tell(Prospect prospect, long bytes) {
        System.out.println();
        prospect.refused()
                .ifPresent(reason -> System.out.println(prospect.recipe() + " cannot quantize it: " + reason));
        prospect.outlook().ifPresent(outlook -> {
            System.out.println(String.format(
                    Locale.ROOT,
                    "%s would turn it into a file of about %.2f MB, %.0f %%%s",
                    prospect.recipe(),
                    outlook.bytes() / MEGA,
                    PERCENT * outlook.bytes() / bytes,
                    prospect.aim()
                            .map(aim -> String.format(
                                    Locale.ROOT,
                                    "; each layer gets its own width, for %.0f %% in total",
                                    PERCENT * aim))
                            .orElse("")));
            int width = outlook.operators().stream()
                    .mapToInt(operator -> operator.name().length())
                    .max()
                    .orElse(1);
            var row = "%-" + width + "s  %8s %8s %8s %8s %8s  %s";
            System.out.println(row.formatted("operator", "nodes", "integer", "on codes", "stored", "float", "why float")
                    .stripTrailing());
            outlook.operators()
                    .forEach(operator -> System.out.println(row.formatted(
                                    operator.name(),
                                    operator.nodes(),
                                    operator.integer(),
                                    operator.onCodes(),
                                    operator.stored() + operator.given(),
                                    operator.floats(),
                                    reasons(operator))
                            .stripTrailing()));
            System.out.println(
                    "integer: on integer kernels; on codes: moves codes, or computes codes from codes; stored: computes in float, but its "
                            + "weights are stored as codes.");
        });
    }

    private static String reasons(QuantizationEstimate.Operator operator) {
        return operator.floating().entrySet().stream()
                .map(reason -> operator.floating().size() == 1
                        ? reason.getKey()
                        : reason.getKey() + " (" + reason.getValue() + ")")
                .collect(Collectors.joining("; "));
    }
}
