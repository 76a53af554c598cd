package dev.quantline.console.command;

import dev.quantline.allocate.Candidates;
import dev.quantline.allocate.FloatModels;
import dev.quantline.allocate.Sensitivities;
import dev.quantline.console.client.Connection;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.EmbeddedStack;
import dev.quantline.export.Exporter;
import dev.quantline.export.Gallery;
import dev.quantline.export.Report;
import dev.quantline.exporter.AllocatedExport;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.job.Recipe;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.plan.CalibrationTable;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Solves a finished job again for another budget and exports: what was measured is in the store. */
@Command(name = "allocate", description = "gives a finished job another budget; nothing is calibrated or measured again",
        mixinStandardHelpOptions = true)
final class AllocateCommand implements Callable<Integer> {
    private static final int BATCH = 16;

    @Parameters(paramLabel = "JOB", description = "a job whose widths were allocated")
    private String job;

    @Option(names = "--size", paramLabel = "FRACTION", description = "largest file, as a fraction of the float model's bytes")
    private Double size;

    @Option(names = "--loss", paramLabel = "LOSS", description = "largest predicted loss: the file is made as small as that allows")
    private Double loss;

    @Option(names = "--bit-operations", paramLabel = "FRACTION", description = "most bit operations, as a fraction of the widest choice's")
    private Double bitOperations;

    @Option(names = "--latency", paramLabel = "MS", description = "most milliseconds of the layers together, one sample")
    private Double latency;

    @Option(names = "--out", paramLabel = "DIR", description = "receives model.onnx, report.json, report.html (default: out/JOB-SIZE)")
    private Path out;

    @Mixin
    private StackOptions stack;

    @Mixin
    private Output output;

    @Override
    public Integer call() throws Exception {
        if (size == null && loss == null && bitOperations == null && latency == null) {
            throw new BadInput("say what to keep: --size, --loss, --bit-operations or --latency");
        }
        var running = stack.find();
        if (running.isPresent()) {
            return allocate(running.get());
        }
        try (var own = EmbeddedStack.start(LocalStack.DATA, EmbeddedStack.Ports.free())) {
            return allocate(LocalStack.connection(own.addresses()));
        }
    }

    private int allocate(Connection connection) throws IOException {
        var folder = Files.createTempDirectory("quantline-allocate");
        try (var client = StackClient.connectPatiently(connection)) {
            var report = export(client, client.request(job), folder);
            return output.conclude(report, target());
        } finally {
            delete(folder);
        }
    }

    private Path target() {
        return out == null ? Path.of("out", job + (size == null ? "-again" : "-" + size)) : out;
    }

    private Report export(StackClient client, JobRequest request, Path folder) throws IOException {
        var earlier = Report.read(client.bring(job, "report.json", folder));
        var candidates = Candidates.read(client.bring(job, "candidates.json", folder));
        var sensitivities = Sensitivities.read(client.bring(job, "sensitivities.json", folder));
        var table = CalibrationTable.read(client.bring(job, "calibration.json", folder));
        var model = ModelFile.read(client.bringModel(job, "tuned.onnx", folder));
        var rounded = new TreeMap<Integer, Graph>();
        for (int bits : request.recipe().roundedWidths()) {
            rounded.put(bits, ModelFile.read(client.bringModel(job, "rounded-" + bits + ".onnx", folder)));
        }
        var models = new FloatModels(ModelFile.read(client.bringModel(job, "calibrated.onnx", folder)), model, candidates.base(), rounded);
        var original = client.bringModel(request.model(), Files.createDirectory(folder.resolve("original")));
        var calibrationFiles = client.bring(request.calibration(), Files.createDirectory(folder.resolve("calibration")));
        var evaluationFiles = request.evaluation().isEmpty() ? calibrationFiles
            : client.bring(request.evaluation().get().data(), Files.createDirectory(folder.resolve("evaluation")));
        Files.createDirectories(target());
        try (var calibration = Dataset.open(calibrationFiles); var evaluation = Dataset.open(evaluationFiles)) {
            var plan = candidates.plans().get(candidates.base());
            var exported = new Exporter.Job(job, earlier.recipe(), original, model, plan, Optional.empty(),
                    JobData.bind(evaluation, model, request), earlier.quantized().metric().name(), OptionalDouble.empty(),
                    earlier.tuning(), earlier.provenance(), Exporter.Products.STANDARD, BATCH, Provider.cpu());
            var report = new AllocatedExport(exported, budget(request), candidates, models, sensitivities,
                    JobData.bind(calibration, model, request)).run(target(), Progress.none()).withStages(earlier.stages());
            report.write(target(), Gallery.of(table, plan));
            return report;
        }
    }

    /** The budget of the command line alone; candidates and judge stay the job's. */
    private Recipe.Allocate budget(JobRequest request) {
        var before = request.recipe().allocate().orElseThrow(() -> new BadInput("the widths of job " + job
            + " were not allocated: run it with --recipe mixed"));
        return new Recipe.Allocate(before.bits(), before.activations(), Optional.ofNullable(size), Optional.ofNullable(bitOperations),
                Optional.ofNullable(latency), Optional.ofNullable(loss), before.judge(), before.pinned());
    }

    private static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
