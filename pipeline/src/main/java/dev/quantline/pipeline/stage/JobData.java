package dev.quantline.pipeline.stage;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A job's data as core takes it. */
public final class JobData {
    /** What the profiler's summary calls it. */
    public static final String BATCH = "batch";

    /** What of the calibration data is not used, in the profiler's summary. */
    public static final String UNUSED = "unused";

    private JobData() {}

    /** What a job says of its data, on which every stage that reads it depends. */
    public record Settings(Map<String, JobRequest.Normalize> normalize, Map<String, JobRequest.Input> inputs) {
        /** Those of a job. */
        public static Settings of(JobRequest job) {
            return new Settings(job.normalize(), job.inputs());
        }
    }

    /**
     * Opens the .npz files of an input of the stage.
     *
     * @param model any form of the job's model: its inputs tell which arrays are the same for all samples
     * @throws dev.quantline.onnx.BadInput when they cannot be used
     */
    public static Dataset open(StageContext context, String input, Graph model) throws IOException {
        return open(context.files(input), model, context.job());
    }

    /** The same of files at hand. */
    public static Dataset open(List<Path> files, Graph model, JobRequest job) throws IOException {
        return Dataset.open(files, model, axes(job));
    }

    /**
     * Binds data to a model's inputs, normalised as the job says.
     *
     * @throws dev.quantline.onnx.BadInput when they do not fit
     */
    public static Samples bind(Dataset data, Graph model, JobRequest job) {
        return new Samples(data, model, normalization(job.normalize()), axes(job));
    }

    private static Map<String, BatchAxis> axes(JobRequest job) {
        return job.inputs().entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        input -> input.getValue().batch().map(BatchAxis::new).orElse(BatchAxis.NONE)));
    }

    /**
     * What of a job's settings, its calibration data and these samples has no effect, for the report.
     *
     * @param read arrays of the samples that the metric reads
     */
    public static List<String> notes(StageContext context, Samples evaluation, Set<String> read) {
        var notes = new LinkedHashSet<>(context.job().notes());
        var profile = context.earlier().manifests().get(StageName.PROFILE);
        if (profile != null) {
            profile.summary().path(UNUSED).forEach(note -> notes.add(note.asText()));
        }
        notes.addAll(evaluation.unused(read));
        return List.copyOf(notes);
    }

    /** Samples run at once: as many as the profiler found to fit, and no more than so many. */
    public static int batch(StageContext context, int most) {
        var profile = context.earlier().manifests().get(StageName.PROFILE);
        return profile == null
                ? most
                : Math.min(most, profile.summary().path(BATCH).asInt(most));
    }

    private static Map<String, Normalization> normalization(Map<String, JobRequest.Normalize> normalize) {
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
