package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.BatchSize;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.onnx.runtime.TensorBatches;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Activations of a few calibration samples, kept for trying quantizers on them.
 *
 * @param shown names of float activations or graph inputs that become outputs of the graph that is run, which affects what ONNX
 *              Runtime fuses
 * @param kept  those of them to keep
 */
record ActivationSample(Graph model, Collection<String> shown, Collection<String> kept) {
    /**
     * Runs the first samples, without padding, and also keeps the model's inputs.
     *
     * @param count number of samples to run
     * @param batch largest number of samples run at once
     * @return to be closed by the caller
     */
    TensorBatches run(Samples samples, int count, int batch, Provider provider, Spilling spilling) {
        Set<String> inputs =
                model.inputs().stream().map(input -> input.getName()).collect(Collectors.toSet());
        var outputs = computed(shown, inputs);
        var wanted = computed(kept, inputs);
        var captured = new TensorBatches(spilling);
        try (var session = Session.open(graph(outputs), provider, Session.Optimization.EXACT)) {
            int size = BatchSize.of(session, outputs, samples, samples.unpadded(batch));
            samples.forEachBatch(0, Math.min(count, samples.size()), size, fed -> {
                var tensors = new LinkedHashMap<>(fed.arrays());
                tensors.putAll(session.run(fed.arrays(), wanted));
                captured.add(tensors);
            });
            return captured;
        } catch (RuntimeException e) {
            captured.close();
            throw e;
        }
    }

    private static List<String> computed(Collection<String> tensors, Set<String> inputs) {
        return tensors.stream()
                .filter(tensor -> !inputs.contains(tensor))
                .distinct()
                .toList();
    }

    private Graph graph(List<String> outputs) {
        var graph = model.copy();
        var known = graph.outputs().stream()
                .map(output -> output.getName())
                .collect(Collectors.toCollection(LinkedHashSet::new));
        outputs.stream()
                .filter(tensor -> !known.contains(tensor))
                .forEach(tensor -> graph.outputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        return graph;
    }
}
