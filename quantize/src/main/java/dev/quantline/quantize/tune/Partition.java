package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.OnnxLibrary;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Rounding;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The subgraphs in which a network is tuned. They can only start and end in tensors that have a batch axis. */
final class Partition {
    private final Graph model;
    private final QuantizationPlan plan;
    private final Samples samples;
    private final Provider provider;
    private final Map<String, BatchAxis> axes = new HashMap<>();

    Partition(Graph model, QuantizationPlan plan, Samples samples, Provider provider) {
        this.model = model;
        this.plan = plan;
        this.samples = samples;
        this.provider = provider;
    }

    /** Batch axes of the tensors that subgraphs start and end in. */
    Map<String, BatchAxis> axes() {
        return axes;
    }

    List<Subgraph> of(TuneSettings settings) {
        return switch (settings.tune().layers()) {
            case OFF -> settings.tune().rounding() == Rounding.COMPENSATED ? blocks(settings) : List.of();
            case ADAQUANT, ADAROUND -> usable(Layers.of(model, plan));
            case RECONSTRUCT -> blocks(settings);
        };
    }

    private List<Subgraph> blocks(TuneSettings settings) {
        return usable(
                settings.tune().blocks().isEmpty()
                        ? Blocks.of(model, plan, bySample(Blocks.narrows(model, plan))::contains)
                        : Blocks.endingIn(settings.tune().blocks(), model, plan));
    }

    /** The whole network; empty if an output has no batch axis. */
    List<Subgraph> whole() {
        return usable(List.of(Blocks.whole(model)));
    }

    /** Bytes of all FLOAT tensors between the layers for one sample, as far as shape inference knows them. */
    long bytesASample() {
        var known = OnnxLibrary.inferShapes(model);
        var shown = model.copy();
        shown.outputs().clear();
        model.nodes().stream()
                .flatMap(node -> node.outputs().stream())
                .map(known::get)
                .filter(info -> info != null
                        && ValueInfos.type(info).filter(DataType.FLOAT::equals).isPresent())
                .forEach(shown.outputs()::add);
        var wanted = shown.outputs().stream().map(output -> output.getName()).toList();
        var bytes = new LongAdder();
        int probe = samples.batchSize(1);
        try (var session = Session.open(shown, provider, Session.Optimization.NONE)) {
            samples.forEachBatch(
                    0,
                    probe,
                    probe,
                    fed -> session.run(
                                    fed.arrays(),
                                    wanted,
                                    (name, tensor) -> tensor.type().bytes(tensor.size()) / probe)
                            .forEach(bytes::add));
        }
        return bytes.sum();
    }

    private List<Subgraph> usable(List<Subgraph> subgraphs) {
        var ends = new LinkedHashSet<String>();
        subgraphs.forEach(subgraph -> Stream.concat(subgraph.inputs().stream(), subgraph.outputs().stream())
                .forEach(ends::add));
        var known = bySample(List.copyOf(ends));
        return subgraphs.stream()
                .filter(subgraph -> known.containsAll(subgraph.inputs()) && known.containsAll(subgraph.outputs()))
                .toList();
    }

    /** Some networks fold windows into the batch axis, which running one batch reveals. */
    private Set<String> bySample(List<String> tensors) {
        var shown = model.copy();
        shown.outputs().clear();
        tensors.forEach(tensor -> shown.outputs().add(ValueInfos.of(tensor, DataType.FLOAT)));
        if (!tensors.isEmpty()) {
            try (var session = Session.open(shown, provider, Session.Optimization.EXACT)) {
                axes.putAll(samples.axes(session));
            }
        }
        return tensors.stream().filter(axes::containsKey).collect(Collectors.toSet());
    }
}
