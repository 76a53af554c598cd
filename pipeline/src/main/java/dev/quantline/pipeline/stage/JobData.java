package dev.quantline.pipeline.stage;

import dev.quantline.onnx.Graph;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Normalization;
import dev.quantline.runtime.Samples;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A job's data as core takes it. */
public final class JobData {
    private JobData() {
    }

    /**
     * Opens the .npz files of an input.
     *
     * @throws dev.quantline.onnx.BadInput when they cannot be used
     */
    public static Dataset open(StageContext context, String input) throws IOException {
        return Dataset.open(context.files(input));
    }

    /**
     * Binds data to a model's inputs, normalised as the job says.
     *
     * @throws dev.quantline.onnx.BadInput when they do not fit
     */
    public static Samples bind(Dataset data, Graph model, JobRequest job) {
        return new Samples(data, model, normalization(job.normalize()));
    }

    private static Map<String, Normalization> normalization(Map<String, JobRequest.Normalize> normalize) {
        return normalize.entrySet().stream().collect(Collectors.toMap(Map.Entry::getKey,
                entry -> new Normalization(floats(entry.getValue().mean()), floats(entry.getValue().std()))));
    }

    private static float[] floats(List<Double> values) {
        var floats = new float[values.size()];
        for (var i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return floats;
    }
}
