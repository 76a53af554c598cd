package dev.quantline.quantize.profile;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.rewrite.Rewrite;
import dev.quantline.quantize.plan.StoredJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The result of profiling.
 *
 * @param samples  number of samples run
 * @param tensors  by activation name, in graph order
 * @param rewrites the rewrites of the model before profiling, and why others were not made
 */
public record Profile(int samples, Map<String, TensorProfile> tensors, List<Rewrite> rewrites) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** A profile of a model without recorded rewrites. */
    public Profile(int samples, Map<String, TensorProfile> tensors) {
        this(samples, tensors, List.of());
    }

    /** The same profile with the rewrites that prepared the model. */
    public Profile withRewrites(List<Rewrite> done) {
        return new Profile(samples, tensors, done);
    }

    /** Mean bytes of all activations of one sample. */
    public long bytesASample() {
        long values = tensors.values().stream()
                .mapToLong(tensor -> tensor.histogram().total())
                .sum();
        return values * Float.BYTES / Math.max(1, samples);
    }

    /** Merges the profiles of parts of a data set. The same parts in the same order give the same bytes. */
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

    public void write(Path file) throws IOException {
        JSON.writeValue(file.toFile(), this);
    }

    /**
     * Reads a file written by {@link #write}.
     *
     * @throws BadInput if the file is not a profile
     */
    public static Profile read(Path file) throws IOException {
        return StoredJson.read(file, Profile.class, "a profile");
    }
}
