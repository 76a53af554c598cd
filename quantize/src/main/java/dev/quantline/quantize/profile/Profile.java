package dev.quantline.quantize.profile;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.rewrite.Rewrite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the profiler saw.
 *
 * @param samples  how many samples were run
 * @param tensors  by activation name, in graph order
 * @param rewrites what was done to the model before, and what was not and why
 */
public record Profile(int samples, Map<String, TensorProfile> tensors, List<Rewrite> rewrites) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** What was seen of a model nobody says anything about. */
    public Profile(int samples, Map<String, TensorProfile> tensors) {
        this(samples, tensors, List.of());
    }

    /** The same, and how the model was prepared. */
    public Profile withRewrites(List<Rewrite> done) {
        return new Profile(samples, tensors, done);
    }

    /** Mean bytes of a sample's activations, all together. */
    public long bytesASample() {
        long values = tensors.values().stream()
                .mapToLong(tensor -> tensor.histogram().total())
                .sum();
        return values * Float.BYTES / Math.max(1, samples);
    }

    /** Joins the profiles of parts of a data set. The same parts in the same order give the same bytes. */
    public static Profile merge(List<Profile> parts) {
        var tensors = new LinkedHashMap<String, TensorProfile>();
        int samples = 0;
        for (var part : parts) {
            samples += part.samples;
            part.tensors.forEach((name, profile) ->
                    tensors.computeIfAbsent(name, first -> profile.empty()).add(profile));
        }
        return new Profile(samples, tensors, parts.isEmpty() ? List.of() : parts.getFirst().rewrites);
    }

    /** Writes JSON. */
    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws BadInput when the file is no profile
     */
    public static Profile read(Path file) throws IOException {
        try {
            return JSON.readValue(Files.readAllBytes(file), Profile.class);
        } catch (JsonProcessingException e) {
            throw new BadInput(file.getFileName() + " is not a profile: " + e.getOriginalMessage(), e);
        }
    }
}
