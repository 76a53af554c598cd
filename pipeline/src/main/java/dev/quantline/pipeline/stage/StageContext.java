package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event.Seconds;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.runtime.Progress;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * What a stage works with.
 *
 * @param inputs     local copies by input name; they must not be written to
 * @param work       an empty folder for the results, deleted afterwards
 * @param checkpoint the folder with the files of {@link Outcome.Continue}, when this is a later time slice
 * @param progress   of the item, 0 to 1; throws when the job was cancelled
 * @param spent      where the stage's time went until now
 * @param handOver   begins storing a file in {@code work} while the stage goes on; it must not change any more, and must
 *                   be among the files of the outcome under its own name
 * @param version    of the project
 */
public record StageContext(JobRequest job, Map<String, List<Path>> inputs, Earlier earlier, Path work,
                           Optional<Path> checkpoint, Progress progress, Supplier<Seconds> spent,
                           Consumer<Path> handOver, String version) {
    /** The only file of an input. External data lies beside it. */
    public Path file(String input) {
        return files(input).getFirst();
    }

    /** The files of an input, sorted by name. */
    public List<Path> files(String input) {
        var files = inputs.get(input);
        if (files == null) {
            throw new IllegalArgumentException("the stage declared no input " + input);
        }
        return files;
    }
}
