package dev.quantline.bench.gpu;

import ai.onnx.proto.OnnxMl.ModelProto;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.NpzWriter;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Hashes;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.RecipeReader;
import dev.quantline.quantize.workflow.CalibrateStep;
import dev.quantline.quantize.workflow.ProfileStep;
import dev.quantline.quantize.workflow.QuantizationSettings;
import dev.quantline.quantize.workflow.Quantline;
import dev.quantline.quantize.workflow.Resources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;

/**
 * A training step, a calibration and a job with 4-bit weights and activations on the processor and on a GPU: seconds, their ratio, and how
 * far the results are apart. Arguments: steps of training in the job (20), provider ({@code cuda}), and a model with its data, which are
 * all-MiniLM-L6-v2 and random words where they are left out. Where the provider cannot be used, it says why and ends well.
 */
public final class Gpu {
    private static final int STEPS = 20;
    private static final int REPETITIONS = 5;
    private static final int BATCH = 16;
    private static final int TOKENS = 64;
    private static final int SAMPLES = 64;
    private static final int WORDS = 20000;

    private final Path model;
    private final Path data;
    private final Path folder;
    private final QuantizationSettings settings;

    private Gpu(Path model, Path data, Path folder, QuantizationSettings settings) {
        this.model = model;
        this.data = data;
        this.folder = folder;
        this.settings = settings;
    }

    /** A result and the seconds that it took. */
    private record Timed<T>(T result, double seconds) {}

    private interface Work<T> {
        T on(Provider provider) throws IOException;
    }

    public static void main(String... arguments) throws IOException {
        int steps = arguments.length > 0 ? Integer.parseInt(arguments[0]) : STEPS;
        var provider = Provider.parse(arguments.length > 1 ? arguments[1] : "cuda");
        try {
            provider.check();
        } catch (BadInput unusable) {
            System.out.println("not run: " + unusable.getMessage());
            return;
        }
        var folder = Files.createTempDirectory("gpu");
        var recipe = (ObjectNode) Json.MAPPER.readTree(
                "{\"preset\": \"w4a4\", \"tune\": {\"training\": {\"steps\": %d}}}".formatted(steps));
        var settings = QuantizationSettings.of(RecipeReader.read(recipe));
        var bench = arguments.length > 3
                ? new Gpu(Path.of(arguments[2]), Path.of(arguments[3]), folder, settings)
                : new Gpu(miniLm(folder), words(folder), folder, settings);
        bench.compare(provider);
    }

    private void compare(Provider provider) throws IOException {
        System.out.println("| | cpu, s | " + provider + ", s | times as fast | results |\n|---|---|---|---|---|");
        compare("training step", provider, this::step, Gpu::apart);
        compare("calibration", provider, this::plan, Gpu::apart);
        compare("job, w4a4", provider, this::job, Gpu::apart);
    }

    private static <T> void compare(String what, Provider provider, Work<Timed<T>> work, Difference<T> difference)
            throws IOException {
        var here = work.on(Provider.cpu());
        var there = work.on(provider);
        System.out.printf(
                "| %s | %.2f | %.2f | %.2f | %s |%n",
                what,
                here.seconds(),
                there.seconds(),
                here.seconds() / there.seconds(),
                difference.of(here.result(), there.result()));
    }

    private interface Difference<T> {
        String of(T here, T there) throws IOException;
    }

    /** All weights after a step on a batch, and the seconds of one of the steps after it. */
    private Timed<Map<String, Tensor>> step(Provider provider) throws IOException {
        var prepared = PreparedModel.of(
                        ModelFile.read(model), settings.recipe().calibrate().equalize())
                .graph();
        var inputs = new LinkedHashMap<String, Tensor>();
        try (var samples = settings.data().open(List.of(data), prepared)) {
            int size = Math.min(BATCH, samples.size());
            samples.forEachBatch(0, size, size, fed -> {
                if (inputs.isEmpty()) {
                    inputs.putAll(fed.arrays());
                }
            });
        }
        String output = prepared.outputs().getFirst().getName();
        try (var session = Session.open(prepared, Provider.cpu(), Session.Optimization.ALL)) {
            var result = session.run(inputs, List.of(output)).get(output);
            inputs.put("target", Tensor.zeros(DataType.FLOAT, result.shape()));
        }
        var sizes = new LinkedHashMap<String, long[]>();
        inputs.forEach((name, tensor) -> sizes.put(name, tensor.shape()));
        var weights = prepared.initializers().entrySet().stream()
                .filter(entry -> entry.getValue().type() == DataType.FLOAT
                        && entry.getValue().size() > 1)
                .map(Map.Entry::getKey)
                .toList();
        var training = TrainingGraph.of(prepared, sizes, weights, new Loss.MeanSquared(output, "target"), List.of());
        var trainer = new Trainer.Settings(
                List.of(new Group(weights, Optimizer.adamW(1e-5, 0.01))), new Schedule.Constant(), 1);
        try (var steps = new Trainer(training, prepared.initializers(), trainer, provider)) {
            steps.step(inputs);
            var after = steps.copies();
            long start = System.nanoTime();
            for (int i = 0; i < REPETITIONS; i++) {
                steps.step(inputs);
            }
            return new Timed<>(after, (System.nanoTime() - start) / 1e9 / REPETITIONS);
        }
    }

    private static String apart(Map<String, Tensor> here, Map<String, Tensor> there) {
        double largest = 0;
        for (var entry : here.entrySet()) {
            var one = entry.getValue().toFloats();
            var other = there.get(entry.getKey()).toFloats();
            for (int i = 0; i < one.length; i++) {
                largest = Math.max(largest, Math.abs(one[i] - other[i]));
            }
        }
        return largest == 0 ? "the same bits" : "weights differ by %.1e at most".formatted(largest);
    }

    private Timed<QuantizationPlan> plan(Provider provider) throws IOException {
        long start = System.nanoTime();
        var profiled = ProfileStep.run(ModelFile.read(model), List.of(data), settings, provider, Progress.none());
        var resources = new Resources(
                provider,
                Resources.batch(profiled.profile()),
                Spilling.all(Files.createDirectories(folder.resolve("activations"))));
        Calibrator.Result result = CalibrateStep.run(
                profiled.model(), profiled.profile(), List.of(data), settings, resources, Progress.none(), _ -> {});
        return new Timed<>(result.plan(), (System.nanoTime() - start) / 1e9);
    }

    /** How many quantizers of activations have the same scale, and how far the others are apart. */
    private static String apart(QuantizationPlan here, QuantizationPlan there) {
        var scales = scales(there);
        double largest = 0;
        int same = 0;
        var all = scales(here);
        for (var entry : all.entrySet()) {
            double other = scales.getOrDefault(entry.getKey(), Float.NaN);
            same += other == entry.getValue() ? 1 : 0;
            largest = Math.max(largest, Math.abs(other / entry.getValue() - 1));
        }
        return "%d of %d scales of activations are the same%s"
                .formatted(same, all.size(), largest > 0 ? ", others differ by %.1e at most".formatted(largest) : "");
    }

    private static Map<String, Float> scales(QuantizationPlan plan) {
        var scales = new HashMap<String, Float>();
        plan.activations().forEach(activation -> {
            if (activation.quantizer() instanceof Uniform uniform) {
                scales.put(activation.tensor(), uniform.scale()[0]);
            }
        });
        return scales;
    }

    private Timed<Quantline.Quantized> job(Provider provider) throws IOException {
        var place = Files.createTempDirectory(folder, "job");
        long start = System.nanoTime();
        var result = Quantline.quantize(model, Quantline.Data.of(data), settings, place, provider, (_, _, _) -> {});
        return new Timed<>(result, (System.nanoTime() - start) / 1e9);
    }

    private static String apart(Quantline.Quantized here, Quantline.Quantized there) {
        return hash(here.model()).equals(hash(there.model()))
                ? "the same bytes"
                : "cosine to float %.4f and %.4f"
                        .formatted(
                                here.report().fidelity().cosine(),
                                there.report().fidelity().cosine());
    }

    private static String hash(Graph graph) {
        return Hashes.of(graph.toProto().toByteArray());
    }

    private static Path miniLm(Path folder) throws IOException {
        var file = folder.resolve("model.onnx");
        try (var in = Gpu.class.getResourceAsStream("/all-minilm-l6-v2.onnx")) {
            Files.copy(in, file);
        }
        return file;
    }

    private static Path words(Path folder) throws IOException {
        var file = folder.resolve("data.npz");
        var random = new Random(1);
        try (var in = Gpu.class.getResourceAsStream("/all-minilm-l6-v2.onnx");
                var data = new NpzWriter(file)) {
            var names = Graph.of(ModelProto.parseFrom(in)).inputs().stream()
                    .map(input -> input.getName())
                    .collect(Collectors.toList());
            for (var name : names) {
                long[] values = random.longs((long) SAMPLES * TOKENS, 0, WORDS).toArray();
                for (int i = 0; i < values.length; i++) {
                    values[i] = name.equals("input_ids") ? 1000 + values[i] : name.equals("attention_mask") ? 1 : 0;
                }
                data.add(name, Tensor.of(values, SAMPLES, TOKENS));
            }
            data.finish();
        }
        return file;
    }
}
