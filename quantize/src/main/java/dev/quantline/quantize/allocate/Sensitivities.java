package dev.quantline.quantize.allocate;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.plan.StoredJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A measured table as it is stored: other budgets are solved from it without measuring again.
 *
 * @param loss    name of the measured loss
 * @param samples number of calibration samples measured on, the last ones
 */
public record Sensitivities(String loss, int samples, Table table) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Joins tables measured for one group of layers at a time, in order. */
    public static Sensitivities join(List<Sensitivities> parts) {
        var rows = parts.stream().flatMap(part -> part.table().rows().stream()).toList();
        return new Sensitivities(
                parts.getFirst().loss(),
                parts.getFirst().samples(),
                new Table(rows, parts.getFirst().table().fixed()));
    }

    /** Losses by layer and width. */
    public Map<String, Map<String, Double>> losses() {
        var losses = new LinkedHashMap<String, Map<String, Double>>();
        for (var row : table.rows()) {
            var widths = new LinkedHashMap<String, Double>();
            row.options().forEach(option -> widths.put(option.width().toString(), option.loss()));
            losses.put(row.layer(), widths);
        }
        return losses;
    }

    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads a file written by {@link #write}.
     *
     * @throws BadInput if the file contains something else
     */
    public static Sensitivities read(Path file) throws IOException {
        return StoredJson.read(file, Sensitivities.class, "a table of sensitivities");
    }
}
