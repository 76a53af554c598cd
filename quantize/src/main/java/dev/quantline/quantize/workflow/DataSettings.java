package dev.quantline.quantize.workflow;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How data fits a network, which matters to every step that reads data.
 *
 * @param normalize for uint8 image inputs: value / 255, minus mean, divided by std, per channel of NCHW
 * @param inputs    the inputs whose batch axis is not the first axis
 */
public record DataSettings(Map<String, Normalize> normalize, Map<String, Input> inputs) {
    /** Samples lie along the first axis of every input and are fed unchanged. */
    public static final DataSettings PLAIN = new DataSettings(Map.of(), Map.of());

    /**
     * An input whose samples do not lie along its first axis.
     *
     * @param batch    its batch axis; empty if it is constant
     * @param constant true if it is the same for all samples; otherwise empty
     */
    public record Input(Optional<Integer> batch, Optional<Boolean> constant) {}

    /** Mean and standard deviation per image channel, on the scale 0..1. */
    public record Normalize(List<Double> mean, List<Double> std) {}

    /**
     * Opens {@code .npz} files for a model; closing the samples closes the files.
     *
     * @param model its inputs determine which arrays are the same for all samples
     * @throws dev.quantline.onnx.BadInput if they cannot be used or do not fit
     */
    public Samples open(List<Path> files, Graph model) throws IOException {
        return bind(dataset(files, model), model);
    }

    /** The files alone, not yet bound to the model's inputs. */
    Dataset dataset(List<Path> files, Graph model) throws IOException {
        return Dataset.open(files, model, axes());
    }

    /** Binds data to a model's inputs; the data is closed if it does not fit. */
    Samples bind(Dataset data, Graph model) throws IOException {
        try {
            return new Samples(data, model, normalization(), axes());
        } catch (RuntimeException e) {
            data.close();
            throw e;
        }
    }

    private Map<String, BatchAxis> axes() {
        return inputs.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        input -> input.getValue().batch().map(BatchAxis::new).orElse(BatchAxis.NONE)));
    }

    private Map<String, Normalization> normalization() {
        return normalize.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        entry -> new Normalization(
                                floats(entry.getValue().mean()),
                                floats(entry.getValue().std()))));
    }

    private static float[] floats(List<Double> values) {
        var floats = new float[values.size()];
        for (var i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return floats;
    }
}
