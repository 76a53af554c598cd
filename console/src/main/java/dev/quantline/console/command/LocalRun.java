package dev.quantline.console.command;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.console.client.Ending;
import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.process.CtrlC;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.job.JobReader;
import dev.quantline.quantize.evaluate.CustomMetricGraph;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One job from local files to local files, on a stack that runs already or on one of its own. */
final class LocalRun {
    private final Output output;

    LocalRun(Output output) {
        this.output = output;
    }

    /**
     * Uploads, submits, follows, downloads and prints.
     *
     * @param stack the stack to use; if none is running, one is started just for this job
     * @return the exit code
     */
    int run(LocalJob job, StackOptions stack, Path out) throws IOException {
        // Read here as well as by the first stage: most mistakes are told at once, without a broker.
        var externalData = ModelFile.externalFiles(job.model());
        for (var metric :
                job.evaluation().flatMap(LocalJob.Evaluation::graph).stream().toList()) {
            CustomMetricGraph.read(metric, job.evaluation().get().better());
        }
        JobReader.read(job.request(path -> "s3://quantline/inputs/" + path.getFileName()), job.id());
        var running = stack.find();
        if (running.isPresent()) {
            try (var client = stack.connect(running.get())) {
                return run(job, externalData, client, out);
            }
        }
        output.remark("starting broker, store and services in this process ...");
        try (var _ = LocalStack.start(EmbeddedStack.Ports.free(), 0, LocalStack.LogLevel.QUIET);
                var client = StackClient.connect(LocalStack.connection(), Patience.of(LocalStack.STARTING))) {
            return run(job, externalData, client, out);
        }
    }

    private int run(LocalJob job, Iterable<String> externalData, StackClient client, Path out) throws IOException {
        output.remark("uploading model and data");
        var modelFiles = new ArrayList<>(List.of(job.model().getFileName().toString()));
        externalData.forEach(modelFiles::add);
        var modelRef = client.upload(job.model().toAbsolutePath().getParent(), modelFiles);
        ObjectNode json = job.request(path -> path.equals(job.model()) ? modelRef.toString() : upload(client, path));
        var request = JobReader.read(json, job.id());
        Ending ending;
        try (var _ = CtrlC.first(() -> cancel(client, request.id()));
                var progress = output.progress()) {
            progress.say("job " + request.id());
            ending = client.run(request, progress::show);
        }
        if (ending instanceof Ending.Done) {
            client.download(request.id(), out);
        }
        return output.conclude(client, request.id(), ending, () -> out);
    }

    private void cancel(StackClient client, String job) {
        if (client.stop(job)) {
            output.remark("quantline: %s was cancelled".formatted(job));
        }
    }

    private static String upload(StackClient client, Path file) {
        try {
            var path = file.toAbsolutePath();
            return Files.isDirectory(path)
                    ? client.uploadFolder(path).toString()
                    : client.upload(path.getParent(), List.of(path.getFileName().toString()))
                            .toString();
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot be read: " + file, failure);
        }
    }
}
