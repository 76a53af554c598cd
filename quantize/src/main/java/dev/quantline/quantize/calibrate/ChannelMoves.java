package dev.quantline.quantize.calibrate;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.plan.StoredJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What was decided about the channels of activations, by the names they have before any of them is moved.
 *
 * @param moved   how the channels are moved
 * @param refused of norms that keep their channels as they are, the reason
 */
public record ChannelMoves(Map<String, Move> moved, Map<String, String> refused) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * Every channel is shifted and then divided by its ratio.
     *
     * @param ratio {@code [channels]}, positive
     * @param shift {@code [channels]}
     */
    public record Move(float[] ratio, float[] shift) {}

    /** Nothing is moved. */
    public static ChannelMoves none() {
        return new ChannelMoves(Map.of(), Map.of());
    }

    /** Those of all parts of a model. */
    public static ChannelMoves join(List<ChannelMoves> parts) {
        var all = new ChannelMoves(new TreeMap<>(), new TreeMap<>());
        for (var part : parts) {
            all.moved.putAll(part.moved);
            all.refused.putAll(part.refused);
        }
        return all;
    }

    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads a file written by {@link #write}.
     *
     * @throws BadInput if the file is something else
     */
    public static ChannelMoves read(Path file) throws IOException {
        return StoredJson.read(file, ChannelMoves.class, "a list of moved channels");
    }
}
