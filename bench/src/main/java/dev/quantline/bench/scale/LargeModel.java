package dev.quantline.bench.scale;

import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.quantline.bench.chaos.Cluster;
import dev.quantline.bench.chaos.Ledger;
import dev.quantline.bench.chaos.Packaged;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.MemoryLimit;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Memory of each service while a job quantizes a network whose weights do not fit in it: a chain of products {@code [4096, 4096]} with
 * Relu between them, random weights in a file beside the model. Arguments: layers (45 are 3.02 GB), megabytes of memory for each
 * service, with its child and pages of files; megabytes of weights that may be in memory; megabytes of heap for each Java: a service
 * and its child have one each; a recipe. Needs root.
 */
public final class LargeModel {
    private static final int WIDTH = 4096;
    private static final int SAMPLES = 32;
    private static final long MEGA = 1 << 20;
    private static final int KILO = 1 << 10;
    private static final int SAMPLE_MILLIS = 200;

    private LargeModel() {}

    public static void main(String... arguments) throws Exception {
        var inputs = Files.createTempDirectory("large");
        write(inputs, Integer.parseInt(arguments[0]));
        var folder = Files.createTempDirectory("large-run");
        long bytes = Long.parseLong(arguments[1]) * MEGA;
        var options = List.of(
                "-Xmx" + arguments[3] + "m",
                "-XX:MaxDirectMemorySize=448m",
                "-Dquantline.work.memory-bytes=" + 64 * MEGA,
                "-D" + MemoryLimit.WEIGHTS_IN_MEMORY.property() + "=" + Long.parseLong(arguments[2]) * MEGA);
        try (var cluster = Cluster.ofBounded(Packaged.root(), folder, bytes, options);
                var ledger = new Ledger(cluster.bootstrapServers())) {
            var peaks = new ConcurrentHashMap<String, Long>();
            Thread.ofPlatform().daemon().start(() -> watch(cluster, peaks));
            new GivenJob(inputs.resolve("model.onnx"), inputs.resolve("data.npz"), arguments[4], Optional.empty())
                    .run(cluster, ledger);
            print(cluster, ledger, peaks);
        }
    }

    /** One replica of each service, in the order of the stages. */
    private static void print(Cluster cluster, Ledger ledger, Map<String, Long> peaks) throws IOException {
        System.out.println("| stage | seconds | private memory at its peak, MB | with pages of files, MB |");
        System.out.println("|---|---|---|---|");
        var stages = List.of(StageName.values()).iterator();
        for (var replica : cluster.peakMemory().entrySet()) {
            var stage = stages.next();
            System.out.printf(
                    "| %s | %.1f | %d | %d |%n",
                    stage.verb(),
                    ledger.seconds(GivenJob.ID, stage).orElseThrow().wall(),
                    peaks.get(replica.getKey()) / KILO,
                    replica.getValue() / KILO);
        }
        var report = Json.stated(cluster.store()
                .read(Keys.delivered(GivenJob.ID, StageName.EXPORT.verb(), "report.json"))
                .orElseThrow());
        System.out.printf(
                "%.2f GB to %.2f GB, %d products on integers, cosine %.4f%n",
                report.at("/float/bytes").asDouble() / 1e9,
                report.at("/quantized/bytes").asDouble() / 1e9,
                report.at("/kernels/integer").asInt(),
                report.at("/fidelity/cosine").asDouble());
    }

    private static void watch(Cluster cluster, Map<String, Long> peaks) {
        try {
            while (true) {
                cluster.privateMemory().forEach((replica, now) -> peaks.merge(replica, now, Math::max));
                Thread.sleep(SAMPLE_MILLIS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
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
}
