package dev.quantline.console.command;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
        name = "submit",
        description = "submits a job request to a running stack and prints the job's id",
        mixinStandardHelpOptions = true)
final class SubmitCommand implements Callable<Integer> {
    @Parameters(paramLabel = "JOB.json", description = "the request; its files must already be in the store")
    private Path file;

    @Mixin
    private StackOptions stack;

    @Mixin
    private JsonOption json;

    @Override
    public Integer call() throws Exception {
        var request = JobReader.read(json(file), JobIds.of(file));
        try (var client = stack.connect()) {
            client.submit(request);
            json.print(Map.of("id", request.id()), () -> System.out.println(request.id()));
            return ExitCode.DONE;
        }
    }

    /**
     * The JSON value in a file.
     *
     * @throws BadInput naming the file when it is missing or holds something else
     */
    static JsonNode json(Path file) throws IOException {
        if (!Files.isReadable(file)) {
            throw new BadInput(file + ": no such file, or it cannot be read");
        }
        try {
            return Json.stated(Files.readAllBytes(file));
        } catch (JsonProcessingException failure) {
            throw new BadInput(
                    "%s is not JSON: %s (line %d)"
                            .formatted(
                                    file,
                                    failure.getOriginalMessage(),
                                    failure.getLocation().getLineNr()),
                    failure);
        }
    }
}
