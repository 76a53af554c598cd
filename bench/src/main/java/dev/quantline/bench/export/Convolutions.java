package dev.quantline.bench.export;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.evaluate.Latency;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Where onnxruntime's integer convolutions are faster than its float ones: three of kernel 3 with Relus, one after the other, over
 * signals, pictures and volumes of 4,096 points. Each figure is float time over integer time.
 */
public final class Convolutions {
    private static final int[] CHANNELS = {4, 8, 12, 16, 24, 32, 64};
    private static final int[] SIDES = {4096, 64, 16};
    private static final int LAYERS = 3;
    private static final int KERNEL = 3;

    private Convolutions() {}

    /** Takes no arguments. */
    public static void main(String... arguments) {
        System.out.println(
                "| channels | 1-D | depthwise | 2-D | depthwise | 3-D | depthwise |\n|---|---|---|---|---|---|---|");
        for (int channels : CHANNELS) {
            System.out.printf("| %d |", channels);
            for (int rank = 1; rank <= SIDES.length; rank++) {
                for (int group : new int[] {1, channels}) {
                    System.out.printf(" %.2f |", gain(rank, channels, group));
                }
            }
            System.out.println();
        }
    }

    private static double gain(int rank, int channels, int group) {
        var shape = new long[rank + 2];
        Arrays.fill(shape, SIDES[rank - 1]);
        shape[0] = 1;
        shape[1] = channels;
        var sample = Map.of("x", normal(new Random(1), shape));
        try (var floats = Session.open(graph(shape, group, false), Provider.cpu(), Session.Optimization.ALL);
                var integers = Session.open(graph(shape, group, true), Provider.cpu(), Session.Optimization.ALL)) {
            double[] milliseconds = Latency.compare(floats, integers, sample);
            return milliseconds[0] / milliseconds[1];
        }
    }

    private static Graph graph(long[] shape, int group, boolean quantized) {
        var random = new Random(2);
        var graph = Graph.empty(17);
        graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, shape));
        int channels = (int) shape[1];
        var kernel = shape.clone();
        Arrays.fill(kernel, KERNEL);
        kernel[0] = channels;
        kernel[1] = channels / group;
        var pads = new long[2 * (shape.length - 2)];
        Arrays.fill(pads, KERNEL / 2);
        String x = quantized ? onGrid(graph, "x", -4) : "x";
        for (int layer = 0; layer < LAYERS; layer++) {
            String name = "conv" + layer;
            var weight = normal(random, kernel);
            String w = graph.addConstant(name + ".weight", weight);
            if (quantized) {
                var scales = new double[channels];
                Arrays.fill(scales, 4);
                var quantizer = Uniform.symmetric(8, 0, scales);
                w = name + ".restored";
                quantizer.writeRestore(
                        graph, name, graph.addConstant(name + ".codes", quantizer.quantize(weight)), 0, w);
            }
            graph.nodes()
                    .add(Node.of("Conv", List.of(x, w), name).with("pads", pads).with("group", (long) group));
            graph.nodes().add(Node.of("Relu", List.of(name), name + ".relu"));
            x = quantized ? onGrid(graph, name + ".relu", 0) : name + ".relu";
        }
        graph.nodes().add(Node.of("Identity", List.of(x), "y"));
        graph.outputs().add(ValueInfos.of("y", DataType.FLOAT));
        graph.sort();
        graph.prune();
        return graph;
    }

    private static String onGrid(Graph graph, String tensor, double low) {
        Uniform.asymmetric(8, low, 4).write(graph, tensor, tensor, tensor + ".restored");
        return tensor + ".restored";
    }

    private static Tensor normal(Random random, long... shape) {
        var values = new float[(int) Tensor.count(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape);
    }
}
