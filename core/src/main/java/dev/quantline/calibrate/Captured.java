package dev.quantline.calibrate;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.runtime.Session;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Activations of a few calibration samples, kept to try quantizers on. */
final class Captured {
    private final List<Map<String, Tensor>> batches;

    private Captured(List<Map<String, Tensor>> batches) {
        this.batches = batches;
    }

    /**
     * Runs the first samples and keeps tensors.
     *
     * @param tensors names of float activations or graph inputs
     * @param count   samples to run
     * @param batch   samples run at once
     */
    static Captured run(Graph model, Collection<String> tensors, Samples samples, int count, int batch, Provider provider) {
        var batches = new ArrayList<Map<String, Tensor>>();
        forEach(model, tensors, samples, count, batch, provider, batches::add);
        return new Captured(batches);
    }

    /** Runs the first samples, without padding, and hands out the tensors and the model's inputs of one batch after the other. */
    static void forEach(Graph model, Collection<String> tensors, Samples samples, int count, int batch, Provider provider,
                        Consumer<Map<String, Tensor>> action) {
        var shown = model.copy();
        var known = shown.outputs().stream().map(output -> output.getName()).collect(Collectors.toCollection(LinkedHashSet::new));
        Set<String> inputs = model.inputs().stream().map(input -> input.getName()).collect(Collectors.toSet());
        var computed = tensors.stream().filter(tensor -> !inputs.contains(tensor)).distinct().toList();
        computed.stream().filter(tensor -> !known.contains(tensor))
            .forEach(tensor -> shown.outputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        try (var session = Session.open(shown, provider, Session.Optimization.EXACT)) {
            samples.forEachBatch(0, Math.min(count, samples.size()), samples.unpadded(batch), fed -> {
                var kept = new LinkedHashMap<>(fed.arrays());
                kept.putAll(session.run(fed.arrays(), computed));
                action.accept(kept);
            });
        }
    }

    /** One map of tensors by name a batch. */
    List<Map<String, Tensor>> batches() {
        return batches;
    }
}
