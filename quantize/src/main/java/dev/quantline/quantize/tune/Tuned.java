package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.StoredJson;
import dev.quantline.quantize.quantizer.Quantizer;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The changes that rounding or training made: constants, weight scales, activation scales. */
final class Tuned {
    private static final String CONSTANTS = "constants.npz";
    private static final String QUANTIZERS = "quantizers.json";

    private final Map<String, Tensor> constants = new LinkedHashMap<>();
    private final Map<String, Uniform> weights = new TreeMap<>();
    private final Map<String, Uniform> activations = new TreeMap<>();

    /** What is written beside the constants. @param constants their names */
    private record Quantizers(List<String> constants, Map<String, Uniform> weights, Map<String, Uniform> activations) {}

    void constant(String name, Tensor value) {
        constants.put(name, value);
    }

    /** Changes the quantizer of the weight that {@code node} reads. */
    void weight(String node, Uniform quantizer) {
        weights.put(node, quantizer);
    }

    /** Changes the quantizer of a tensor and of all tensors that share it. */
    void activation(String tensor, Uniform quantizer) {
        activations.put(tensor, quantizer);
    }

    /** The model and the plan with all changes. */
    State applyTo(State state) {
        return applyTo(state, new SharedQuantizers(state.model(), state.plan()));
    }

    /** The same. @param shared of that state */
    State applyTo(State state, SharedQuantizers shared) {
        return new State(applyTo(state.model()), applyTo(state.plan(), shared));
    }

    Graph applyTo(Graph model) {
        var changed = model.copy();
        changed.initializers().putAll(constants);
        return changed;
    }

    QuantizationPlan applyTo(QuantizationPlan plan, SharedQuantizers shared) {
        var moved = plan.activations().stream()
                .map(old -> new QuantizationPlan.Activation(
                        old.tensor(),
                        old.readers(),
                        changed(shared.rootOf(old.tensor()), old.quantizer()),
                        old.range()))
                .toList();
        return new QuantizationPlan(moved, plan.weights()).withWeights(weights);
    }

    private Quantizer changed(String tensor, Quantizer old) {
        var quantizer = activations.get(tensor);
        return quantizer == null ? old : quantizer;
    }

    /** Writes the changes into a folder; returns the files. */
    List<Path> write(Path folder) throws IOException {
        var files = new ArrayList<Path>();
        files.add(Files.write(
                folder.resolve(QUANTIZERS),
                Json.bytes(new Quantizers(List.copyOf(constants.keySet()), weights, activations))));
        if (!constants.isEmpty()) {
            files.add(folder.resolve(CONSTANTS));
            Npz.write(files.getLast(), constants);
        }
        return files;
    }

    /** Reads what {@link #write} wrote. */
    static Tuned read(Path folder) throws IOException {
        var quantizers =
                StoredJson.read(folder.resolve(QUANTIZERS), Quantizers.class, "the quantizers of a tuned piece");
        var tuned = new Tuned();
        tuned.weights.putAll(quantizers.weights());
        tuned.activations.putAll(quantizers.activations());
        if (!quantizers.constants().isEmpty()) {
            try (var arrays = Npz.open(folder.resolve(CONSTANTS))) {
                for (var name : quantizers.constants()) {
                    tuned.constant(name, arrays.read(name));
                }
            }
        }
        return tuned;
    }
}
