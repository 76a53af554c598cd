package dev.quantline.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.runtime.Normalization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** How uint8 arrays are normalised, as a job request and {@code --normalize} say it. */
public final class NormalizeFile {
    private static final ObjectMapper JSON = new ObjectMapper();

    private NormalizeFile() {}

    /**
     * Reads {@code {"image": {"mean": [..], "std": [..]}}}.
     *
     * @throws BadInput naming the file when it is missing or something else
     */
    public static Map<String, Normalization> read(Path file) throws IOException {
        if (!Files.isReadable(file)) {
            throw new BadInput(file + ": no such file, or it cannot be read");
        }
        try {
            var all = new LinkedHashMap<String, Normalization>();
            JSON.readTree(file.toFile())
                    .properties()
                    .forEach(entry -> all.put(
                            entry.getKey(),
                            new Normalization(
                                    JSON.convertValue(entry.getValue().path("mean"), float[].class),
                                    JSON.convertValue(entry.getValue().path("std"), float[].class))));
            return all;
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new BadInput(
                    file + " is not JSON like {\"image\": {\"mean\": [0.5], \"std\": [0.5]}}: "
                            + e.getMessage().lines().findFirst().orElse(""),
                    e);
        }
    }

    /** Writes one array's. */
    public static void write(Path file, String array, Normalization normalization) throws IOException {
        var json = JSON.createObjectNode();
        var values = json.putObject(array);
        values.set("mean", JSON.valueToTree(normalization.mean()));
        values.set("std", JSON.valueToTree(normalization.std()));
        Files.writeString(file, json.toPrettyString() + "\n");
    }
}
