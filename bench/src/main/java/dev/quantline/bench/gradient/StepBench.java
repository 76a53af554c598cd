package dev.quantline.bench.gradient;

import ai.onnx.proto.OnnxMl.ModelProto;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.prepare.Canonical;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Session;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.LongStream;

/**
 * One training step of all-MiniLM-L6-v2, all weights trained, against the inference of the same batch as users run it.
 * Arguments: batch, tokens, repetitions (16 128 10).
 */
public final class StepBench {
    private StepBench() {
    }

    public static void main(String[] arguments) throws IOException {
        int batch = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 16;
        int tokens = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 128;
        int repetitions = arguments.length > 2 ? Integer.parseInt(arguments[2]) : 10;
        var model = Canonical.of(miniLm());
        var inputs = inputs(model, batch, tokens);
        long memoryBefore = status("VmRSS");

        String output = model.outputs().getFirst().getName();
        var weights = weights(model);
        var loss = new Loss.MeanSquared(output, "target");
        inputs.put("target", Tensor.zeros(DataType.FLOAT, batch, tokens, 384));
        var settings = new Trainer.Settings(List.of(new Group(weights, Optimizer.adamW(1e-5, 0.01))), new Schedule.Constant(), 1);
        double[] building = new double[5];
        for (int i = 0; i < building.length; i++) {
            long start = System.nanoTime();
            var graph = TrainingGraph.of(model, sizes(inputs), weights, loss, List.of());
            Session.open(graph.graph(), Provider.cpu(), Session.Optimization.ALL).close();
            building[i] = seconds(start);
        }
        var training = TrainingGraph.of(model, sizes(inputs), weights, loss, List.of());
        if (System.getProperty("save") != null) {
            ModelFile.write(training.graph(), Path.of(System.getProperty("save")));
        }
        try (var trainer = new Trainer(training, model.initializers(), settings, Provider.cpu())) {
            var backward = new double[repetitions];
            var update = new double[repetitions];
            var inference = new double[repetitions];
            trainer.step(inputs);
            long peak = status("VmHWM") - memoryBefore;
            try (var session = Session.open(model, Provider.cpu(), Session.Optimization.ALL)) {
                session.run(inputs, List.of(output));
                for (int i = 0; i < repetitions; i++) {
                    long start = System.nanoTime();
                    session.run(inputs, List.of(output));
                    inference[i] = seconds(start);
                    start = System.nanoTime();
                    trainer.gradients(inputs);
                    backward[i] = seconds(start);
                    start = System.nanoTime();
                    trainer.update();
                    update[i] = seconds(start);
                }
            }
            long forward = activations(TrainingGraph.forward(model, sizes(inputs), weights, loss, List.of()).graph());
            long parameters = weights.stream().mapToLong(name -> model.initializers().get(name).size() * 4L).sum();
            System.out.printf("trained tensors %d, nodes %d%n", weights.size(), training.graph().nodes().size());
            System.out.printf("graph and session    %.3f s (first %.3f s)%n", median(building), building[0]);
            System.out.printf("inference            %.3f s (best %.3f)%n", median(inference), best(inference));
            System.out.printf("forward + backward   %.3f s (best %.3f), %.2f times inference (best %.2f)%n",
                median(backward), best(backward),
                median(backward) / median(inference), best(backward) / best(inference));
            System.out.printf("optimizer            %.3f s, %.1f %% of the step%n", median(update),
                100 * median(update) / (median(update) + median(backward)));
            System.out.printf("peak memory          %d MB; activations %d MB, weights and gradients %d MB: %.2f times their sum%n",
                peak >> 20,
                forward >> 20, 2 * parameters >> 20, (double) peak / (forward + 2 * parameters));
        }
    }

    static Graph miniLm() throws IOException {
        try (var in = StepBench.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
            return Graph.of(ModelProto.parseFrom(in));
        }
    }

    private static List<String> weights(Graph model) {
        return model.initializers().entrySet().stream()
            .filter(entry -> entry.getValue().type() == DataType.FLOAT && entry.getValue().size() > 1).map(Map.Entry::getKey).toList();
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
        return graph.nodes().stream().flatMap(node -> node.outputs().stream()).filter(infos::containsKey).map(infos::get)
            .mapToLong(info -> ValueInfos.shape(info).filter(shape -> LongStream.of(shape).allMatch(size -> size >= 0))
                .map(shape -> ValueInfos.type(info).orElse(DataType.FLOAT).bytes(Tensor.count(shape))).orElse(0L)).sum();
    }

    private static long status(String field) throws IOException {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(line -> line.startsWith(field + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).sum() << 10;
        }
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }

    private static double median(double[] values) {
        return Arrays.stream(values).sorted().skip(values.length / 2).findFirst().orElseThrow();
    }

    private static double best(double[] values) {
        return Arrays.stream(values).min().orElseThrow();
    }
}
