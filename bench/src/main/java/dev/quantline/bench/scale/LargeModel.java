package dev.quantline.bench.export;

import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.bench.ProcessMemory;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.evaluate.Measure;
import dev.quantline.quantize.export.Exporter;
import dev.quantline.quantize.export.Report;
import dev.quantline.quantize.plan.Target;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Products;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;

/**
 * Memory of an int8 export of a model above 2 GB: a chain of products {@code [4096, 4096]} with Relu between them, random weights
 * in a file beside the model. Arguments: layers (38 are 2.55 GB), megabytes of Java heap. The export runs in a process of its own,
 * whose peak Linux calls VmHWM.
 */
public final class LargeModel {
    private static final int WIDTH = 4096;
    private static final int SAMPLES = 32;
    private static final int BATCH = 8;

    private LargeModel() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        if (arguments.length == 1) {
            export(Path.of(arguments[0]));
            return;
        }
        var folder = Files.createTempDirectory("quantline-large");
        try {
            write(folder, Integer.parseInt(arguments[0]));
            int status = new ProcessBuilder(
                            ProcessHandle.current().info().command().orElseThrow(),
                            "-Xmx" + arguments[1] + "m",
                            "--enable-native-access=ALL-UNNAMED",
                            "-cp",
                            System.getProperty("java.class.path"),
                            LargeModel.class.getName(),
                            folder.toString())
                    .inheritIO()
                    .start()
                    .waitFor();
            if (status != 0) {
                throw new IllegalStateException("the export ended with status " + status);
            }
        } finally {
            delete(folder);
        }
    }

    /** The model and its data; weights go to the disk layer by layer, so that this process stays small too. */
    private static void write(Path folder, int layers) throws IOException {
        var random = new SplittableRandom(1);
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, WIDTH));
        var weights = new ArrayList<TensorProto>();
        long bytes = 4L * WIDTH * WIDTH;
        String last = "x";
        try (var file = FileChannel.open(
                folder.resolve("model.weights"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (int layer = 0; layer < layers; layer++) {
                file.write(uniform(random, Math.sqrt(6.0 / WIDTH), WIDTH, WIDTH).data(), layer * bytes);
                weights.add(TensorProto.newBuilder()
                        .setName("w" + layer)
                        .setDataType(DataType.FLOAT.code())
                        .addDims(WIDTH)
                        .addDims(WIDTH)
                        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
                        .addExternalData(entry("location", "model.weights"))
                        .addExternalData(entry("offset", Long.toString(layer * bytes)))
                        .addExternalData(entry("length", Long.toString(bytes)))
                        .build());
                graph.nodes().add(Node.of("MatMul", List.of(last, "w" + layer), "product" + layer));
                last = layer == layers - 1 ? "y" : "relu" + layer;
                graph.nodes().add(Node.of("Relu", List.of("product" + layer), last));
            }
        }
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1, WIDTH));
        var model = graph.toProto().toBuilder();
        model.getGraphBuilder().addAllInitializer(weights);
        Files.write(folder.resolve("model.onnx"), model.build().toByteArray());
        Npz.write(folder.resolve("data.npz"), Map.of("x", uniform(random, 1, SAMPLES, WIDTH)));
    }

    private static StringStringEntryProto entry(String key, String value) {
        return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
    }

    private static Tensor uniform(SplittableRandom random, double bound, int rows, int columns) {
        var tensor = Tensor.zeros(DataType.FLOAT, rows, columns);
        for (var values = tensor.floats(); values.hasRemaining(); ) {
            values.put((float) random.nextDouble(-bound, bound));
        }
        return tensor;
    }

    private static void export(Path folder) throws IOException {
        long start = System.nanoTime();
        System.out.println("| after | peak memory, MB | seconds |\n|---|---|---|");
        var file = folder.resolve("model.onnx");
        var model = PreparedModel.prepare(ModelFile.read(file));
        line("reading", start);
        try (var data = Dataset.open(List.of(folder.resolve("data.npz")))) {
            var samples = new Samples(data, model, Map.of());
            var profile =
                    Profiler.observe(model, samples, 0, SAMPLES, BATCH, List.of(), Provider.cpu(), Progress.none());
            line("profile", start);
            var calibrated = Calibrator.calibrate(
                    model, profile, samples, CalibrateSettings.int8(), BATCH, Provider.cpu(), Progress.none());
            line("calibrate", start);
            var report = Exporter.export(
                    new Exporter.Job(
                            "large",
                            "int8",
                            file,
                            calibrated.model(),
                            calibrated.plan(),
                            calibrated.table(),
                            Target.CPU,
                            Optional.empty(),
                            samples,
                            Measure.of("fidelity"),
                            OptionalDouble.empty(),
                            List.of(),
                            new Report.Provenance("", "", "", "", 1),
                            Products.STANDARD,
                            BATCH,
                            Provider.cpu()),
                    Files.createDirectory(folder.resolve("out")),
                    Progress.none());
            line("export", start);
            System.out.printf(
                    "%.2f GB to %.2f GB, cosine %.4f, %.0f ms to %.0f ms, %d of %d products on integers%n",
                    report.original().bytes() / 1e9,
                    report.quantized().bytes() / 1e9,
                    report.fidelity().cosine(),
                    report.original().latencyMs(),
                    report.quantized().latencyMs(),
                    report.kernels().integer(),
                    report.layers().size());
        }
    }

    private static void line(String stage, long start) throws IOException {
        System.out.printf(
                "| %s | %.0f | %.1f |%n", stage, ProcessMemory.peak() / 1024.0, (System.nanoTime() - start) / 1e9);
    }

    private static void delete(Path folder) throws IOException {
        try (var files = Files.walk(folder)) {
            for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
