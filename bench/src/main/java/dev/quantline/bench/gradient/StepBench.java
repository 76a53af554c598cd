package dev.quantline.bench.gradient;

import ai.onnx.proto.OnnxMl.ModelProto;
import com.sun.management.OperatingSystemMXBean;
import dev.quantline.bench.ProcessMemory;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.Canonical;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;

/**
 * One training step of all-MiniLM-L6-v2, all weights trained, against the inference of the same batch as users run it.
 * Arguments: batch, tokens, repetitions, provider (16 128 10 cpu). On a busy machine look at the processor time, with
 * provider cpu:1, whose threads do not wait by spinning.
 */
public final class StepBench {
    private static final int CHANNELS = 384;

    private StepBench() {}

    /** Seconds on the clock and on the processor, one entry a repetition. */
    private record Timings(double[] wall, double[] processor) {
        static Timings of(int repetitions) {
            return new Timings(new double[repetitions], new double[repetitions]);
        }

        void take(int i, Runnable action) {
            long clock = System.nanoTime();
            long cpu = processorTime();
            action.run();
            wall[i] = (System.nanoTime() - clock) / 1e9;
            processor[i] = (processorTime() - cpu) / 1e9;
        }

        @Override
        public String toString() {
            return String.format(
                    "%.3f s (best %.3f), processor %.3f s (best %.3f)",
                    median(wall), best(wall), median(processor), best(processor));
        }
    }

    public static void main(String[] arguments) throws IOException {
        int batch = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 16;
        int tokens = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 128;
        int repetitions = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 10;
        var provider = Provider.parse(arguments.length > 3 ? arguments[3] : "cpu");
        var model = Canonical.of(miniLm());
        var inputs = inputs(model, batch, tokens);
        long memoryBefore = ProcessMemory.kibibytes("VmRSS") << 10;

        String output = model.outputs().getFirst().getName();
        var weights = weights(model);
        var loss = new Loss.MeanSquared(output, "target");
        inputs.put("target", Tensor.zeros(DataType.FLOAT, batch, tokens, CHANNELS));
        var building = Timings.of(5);
        for (int i = 0; i < building.wall().length; i++) {
            building.take(
                    i,
                    () -> Session.open(
                                    TrainingGraph.of(model, sizes(inputs), weights, loss, List.of())
                                            .graph(),
                                    provider,
                                    Session.Optimization.ALL)
                            .close());
        }
        var training = TrainingGraph.of(model, sizes(inputs), weights, loss, List.of());
        var inference = Timings.of(repetitions);
        var backward = Timings.of(repetitions);
        var update = Timings.of(repetitions);
        var settings = new Trainer.Settings(
                List.of(new Group(weights, Optimizer.adamW(1e-5, 0.01))), new Schedule.Constant(), 1);
        long peak;
        try (var trainer = new Trainer(training, model.initializers(), settings, provider)) {
            trainer.step(inputs);
            peak = (ProcessMemory.peak() << 10) - memoryBefore;
            try (var session = Session.open(model, provider, Session.Optimization.ALL)) {
                session.run(inputs, List.of(output));
                for (int i = 0; i < repetitions; i++) {
                    inference.take(i, () -> session.run(inputs, List.of(output)));
                    backward.take(i, () -> trainer.gradients(inputs));
                    update.take(i, trainer::update);
                }
            }
        }
        System.out.printf(
                "trained tensors %d, nodes %d%n",
                weights.size(), training.graph().nodes().size());
        System.out.println("graph and session    " + building);
        System.out.println("inference            " + inference);
        System.out.println("forward + backward   " + backward);
        System.out.printf(
                "                     %.2f times inference (best against best %.2f, processor time %.2f)%n",
                median(backward.wall()) / median(inference.wall()),
                best(backward.wall()) / best(inference.wall()),
                best(backward.processor()) / best(inference.processor()));
        System.out.println("optimizer            " + update);
        System.out.printf(
                "                     %.1f %% of the step%n",
                100 * median(update.wall()) / (median(update.wall()) + median(backward.wall())));
        long forward = activations(TrainingGraph.forward(model, sizes(inputs), weights, loss, List.of())
                .graph());
        long parameters = weights.stream()
                .mapToLong(name -> model.initializers().get(name).size() * 4L)
                .sum();
        System.out.printf(
                "peak memory          %d MB: %.2f times activations (%d MB), weights and gradients (%d MB)%n",
                peak >> 20, (double) peak / (forward + 2 * parameters), forward >> 20, 2 * parameters >> 20);
    }

    static Graph miniLm() throws IOException {
        try (var in = StepBench.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
            return Graph.of(ModelProto.parseFrom(in));
        }
    }

    private static List<String> weights(Graph model) {
        return model.initializers().entrySet().stream()
                .filter(entry -> entry.getValue().type() == DataType.FLOAT
                        && entry.getValue().size() > 1)
                .map(Map.Entry::getKey)
                .toList();
    }

    private static Map<String, Tensor> inputs(Graph model, int batch, int tokens) {
        var random = new Random(1);
        var inputs = new LinkedHashMap<String, Tensor>();
        for (var input : model.inputs()) {
            var values = new long[batch * tokens];
            Arrays.setAll(values, i -> switch (input.getName()) {
                case "input_ids" -> 1000 + random.nextInt(20000);
                case "attention_mask" -> 1;
                default -> 0;
            });
            inputs.put(input.getName(), Tensor.of(values, batch, tokens));
        }
        return inputs;
    }

    private static Map<String, long[]> sizes(Map<String, Tensor> inputs) {
        var sizes = new LinkedHashMap<String, long[]>();
        inputs.forEach((name, tensor) -> sizes.put(name, tensor.shape()));
        return sizes;
    }

    /** Bytes of everything the forward pass computes. */
    private static long activations(Graph graph) {
        var infos = OnnxLibrary.inferShapes(graph);
        return graph.nodes().stream()
                .flatMap(node -> node.outputs().stream())
                .filter(infos::containsKey)
                .map(infos::get)
                .mapToLong(info -> ValueInfos.shape(info)
                        .filter(shape -> LongStream.of(shape).allMatch(size -> size >= 0))
                        .map(shape ->
                                ValueInfos.type(info).orElse(DataType.FLOAT).bytes(Tensor.count(shape)))
                        .orElse(0L))
                .sum();
    }

    private static long processorTime() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static double median(double[] values) {
        return Arrays.stream(values)
                .sorted()
                .skip(values.length / 2)
                .findFirst()
                .orElseThrow();
    }

    private static double best(double[] values) {
        return Arrays.stream(values).min().orElseThrow();
    }
}
