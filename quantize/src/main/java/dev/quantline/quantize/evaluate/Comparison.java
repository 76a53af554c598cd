package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** All outputs of two models compared, batch by batch, each by its own kind. */
public final class Comparison {
    private final Map<String, Closeness> outputs = new LinkedHashMap<>();

    /**
     * Sees one batch.
     *
     * @param reference outputs of one model, by name
     * @param other     outputs of the other; of other sizes where those depend on values: what only one has is compared with 0
     */
    public void add(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> other) {
        add(fed, reference, other, Optional.empty());
    }

    /** The same, the metric's own outputs on the rows it looks at. */
    void add(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> other, Optional<Metric> metric) {
        var judged = metric.map(present -> present.outputs(reference)).orElse(List.of());
        reference.forEach((name, tensor) -> {
            var closeness = outputs.computeIfAbsent(
                    name, first -> tensor.type().isFloating() ? new Fidelity() : new Agreement());
            boolean own = judged.contains(name);
            closeness.add(
                    own ? metric.get().looksAt(fed, tensor) : Metric.rows(fed, tensor),
                    own ? metric.get().looksAt(fed, other.get(name)) : Metric.rows(fed, other.get(name)));
        });
    }

    /** By name, in the order of the first batch. */
    public Map<String, Closeness> outputs() {
        return outputs;
    }

    /**
     * The output of floats that is farthest from its counterpart; one that is not finite before all others.
     *
     * @throws BadInput when no output holds floats
     */
    public Fidelity worst() {
        return worst(outputs.values().stream())
                .orElseThrow(() -> new BadInput("none of the outputs " + outputs.keySet()
                        + " holds floats, and no float tensor before them is known: "
                        + "nothing says how close the quantized model is"));
    }

    /** The farthest of these outputs, or of all where none of these holds floats. @throws BadInput when none at all does */
    Fidelity worst(List<String> names) {
        return worst(names.stream().map(outputs::get)).orElseGet(this::worst);
    }

    private static Optional<Fidelity> worst(Stream<Closeness> among) {
        return among.filter(Fidelity.class::isInstance)
                .map(Fidelity.class::cast)
                .min(Comparator.comparing((Fidelity each) -> !Double.isNaN(each.sqnrDb()))
                        .thenComparing(Fidelity::sqnrDb));
    }

    /** Mean over the outputs of floats of squared error over power. */
    public double relativeError() {
        return floats().stream()
                .mapToDouble(Fidelity::relativeError)
                .average()
                .orElseGet(() -> worst().relativeError());
    }

    private List<Fidelity> floats() {
        return outputs.values().stream()
                .filter(Fidelity.class::isInstance)
                .map(Fidelity.class::cast)
                .toList();
    }
}
