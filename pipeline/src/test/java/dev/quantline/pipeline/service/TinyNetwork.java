package dev.quantline.pipeline.service;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.pipeline.store.Store;
import dev.quantline.runtime.Npz;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Two random layers and 300 random samples: enough for two items of profiling. */
public final class TinyNetwork {
    private static final int SAMPLES = 300;
    private static final int INPUTS = 8;
    private static final int HIDDEN = 16;
    private static final int CLASSES = 4;

    private TinyNetwork() {
    }

    /** Puts {@code inputs/tiny.onnx} and {@code inputs/tiny.npz} into the store. */
    public static void store(Store store) throws IOException {
        var random = new Random(7);
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1, INPUTS));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1, CLASSES));
        graph.initializers().put("w1", random(random, INPUTS, HIDDEN));
        graph.initializers().put("b1", random(random, HIDDEN));
        graph.initializers().put("w2", random(random, HIDDEN, CLASSES));
        graph.nodes().addAll(List.of(
                Node.of("MatMul", List.of("x", "w1"), "product"),
                Node.of("Add", List.of("product", "b1"), "sum"),
                Node.of("Relu", List.of("sum"), "hidden"),
                Node.of("MatMul", List.of("hidden", "w2"), "y")));
        var folder = Files.createTempDirectory("tiny");
        ModelFile.write(graph, folder.resolve("tiny.onnx"));
        Npz.write(folder.resolve("tiny.npz"), Map.of("x", random(random, SAMPLES, INPUTS)));
        store.put("inputs/tiny.onnx", folder.resolve("tiny.onnx"));
        store.put("inputs/tiny.npz", folder.resolve("tiny.npz"));
    }

    private static Tensor random(Random random, long... shape) {
        var values = new float[(int) Tensor.count(shape)];
        for (var i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape);
    }
}
