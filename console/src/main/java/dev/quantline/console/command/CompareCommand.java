package dev.quantline.console.command;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.console.compare.Comparison;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "compare",
        description = "shows how two results differ: sizes, metric, latency, settings, layers",
        mixinStandardHelpOptions = true)
final class CompareCommand implements Callable<Integer> {
    @Parameters(
            index = "0",
            paramLabel = "A",
            description = "a folder with a report.json, the file itself, or a job of a running stack")
    private String first;

    @Parameters(index = "1", paramLabel = "B", description = "the same")
    private String second;

    @Option(
            names = "--layers",
            paramLabel = "N",
            defaultValue = "20",
            description = "layers to show (default: ${DEFAULT-VALUE})")
    private int layers;

    @Mixin
    private JsonOption json;

    @Mixin
    private StackOptions stack;

    @Override
    public Integer call() throws Exception {
        var comparison = Comparison.of(report(first), report(second));
        json.print(comparison, () -> comparison.lines(first, second, layers).forEach(System.out::println));
        return ExitCode.DONE;
    }

    private JsonNode report(String named) throws IOException {
        var path = Path.of(named);
        var file = Files.isDirectory(path) ? path.resolve("report.json") : path;
        if (Files.isRegularFile(file)) {
            return read(file);
        }
        if (!file.equals(path) || !JobRequest.isId(named)) {
            throw new BadInput(
                    file
                            + ": no such file; give a folder that quantize wrote, its report.json, or a job of a running stack");
        }
        try (var client = stack.connect()) {
            return client.finished(named);
        }
    }

    private static JsonNode read(Path file) throws IOException {
        try {
            var report = Json.MAPPER.readTree(file.toFile());
            if (report.path("quantized").isObject()) {
                return report;
            }
        } catch (JsonProcessingException failure) {
            throw new BadInput(file + " is not JSON: " + failure.getOriginalMessage(), failure);
        }
        throw new BadInput(file + " is not a Quantline report: it has no field 'quantized'");
    }
}
