package dev.quantline.pipeline.stage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.quantize.workflow.Resources;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What a stage works with.
 *
 * @param inputs     local copies by input name; they must not be written to
 * @param work       an empty folder for the results, deleted afterwards
 * @param spilling   how much of the activations kept for later stays in memory, and a folder for the rest
 * @param finished   of an item: the items of the phases before its own, in item order
 * @param checkpoint the folder with the files of {@link Outcome.Continue}, when this is a later time slice
 * @param progress   of the item, 0 to 1; throws when the job was cancelled
 * @param pulse      to be called once a second at least while somebody else computes; throws when the job was cancelled
 * @param spent      where the stage's time went until now, earlier slices of the item included
 * @param handOver   begins storing a file in {@code work} while the stage goes on; it must not change any more, and must
 *                   be among the files of the outcome under its own name
 * @param version    of the project
 */
public record StageContext(
        JobRequest job,
        Map<String, List<Path>> inputs,
        Earlier earlier,
        Path work,
        Spilling spilling,
        List<FinishedItem> finished,
        Optional<Path> checkpoint,
        Progress progress,
        Runnable pulse,
        Supplier<Seconds> spent,
        Consumer<Path> handOver,
        String version) {
    /** What the profiler's summary calls the samples that are run at once. */
    public static final String BATCH = "batch";
    /** What of the calibration data is not used, in the profiler's summary. */
    public static final String UNUSED = "unused";

    /** What a step computes with: as many samples at once as the profiler found to fit. */
    public Resources resources(Provider provider) {
        return new Resources(provider, Math.min(Resources.MOST, profiled(BATCH).asInt(Resources.MOST)), spilling);
    }

    /** What of the job's settings and its calibration data has no effect, for the report. */
    public List<String> notes() {
        return Stream.concat(
                        job.notes().stream(), profiled(UNUSED).valueStream().map(JsonNode::asText))
                .toList();
    }

    private JsonNode profiled(String field) {
        var profile = earlier.manifests().get(StageName.PROFILE);
        return profile == null ? MissingNode.getInstance() : profile.summary().path(field);
    }

    /** What items of earlier phases left under a name, in item order. */
    public List<Path> left(String name) {
        return finished.stream()
                .map(item -> item.folder().resolve(name))
                .filter(Files::exists)
                .toList();
    }

    /** The only file of an input. External data lies beside it. */
    public Path file(String input) {
        return files(input).getFirst();
    }

    /** Writes a model among the results, with its external data where it has some; the files by name, for the outcome. */
    public Map<String, Path> write(Graph model, String name) throws IOException {
        return named(ModelFile.write(model, work.resolve(name)));
    }

    /** The same of a model that is final while the stage goes on: it begins to be stored. */
    public Map<String, Path> writeEarly(Graph model, String name) {
        try {
            var files = write(model, name);
            files.values().forEach(handOver);
            return files;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Files under the names they have, for the outcome. */
    public static Map<String, Path> named(List<Path> files) {
        var named = new TreeMap<String, Path>();
        files.forEach(file -> named.put(file.getFileName().toString(), file));
        return named;
    }

    /** The files of an input; of a model and its external data the model comes first, others are sorted by name. */
    public List<Path> files(String input) {
        var files = inputs.get(input);
        if (files == null) {
            throw new IllegalArgumentException("the stage declared no input " + input);
        }
        return files;
    }
}
