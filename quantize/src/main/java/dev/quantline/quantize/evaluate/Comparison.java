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

/** Compares all outputs of two models, batch by batch, each according to its element type. */
public final class Comparison {
    private final Map<String, Closeness> outputs = new LinkedHashMap<>();

    /**
     * Adds one batch.
     *
     * @param reference outputs of one model, by name
     * @param other     outputs of the other model; sizes may differ if they depend on values: missing elements count as 0
     */
    public void add(Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> other) {
        measure(fed, reference, other, Optional.empty()).forEach(this::count);
    }

    /**
     * What one batch contributes to the closeness of an output.
     *
     * @param floating whether it is of floats
     * @param figures  as {@link Closeness#measure} gives them
     */
    record Measured(String output, boolean floating, double[] figures) {}

    /** Measures all outputs of one batch, the metric's own reduced to the rows that it reads. */
    static List<Measured> measure(
            Dataset.Batch fed, Map<String, Tensor> reference, Map<String, Tensor> other, Optional<Metric> metric) {
        var judged = metric.map(present -> present.outputs(reference)).orElse(List.of());
        return reference.entrySet().stream()
                .map(output -> {
                    String name = output.getKey();
                    boolean own = judged.contains(name);
                    boolean floating = output.getValue().type().isFloating();
                    return new Measured(
                            name,
                            floating,
                            closeness(floating)
                                    .measure(
                                            rows(fed, output.getValue(), metric, own),
                                            rows(fed, other.get(name), metric, own)));
                })
                .toList();
    }

    private static Tensor rows(Dataset.Batch fed, Tensor output, Optional<Metric> metric, boolean own) {
        return own ? metric.orElseThrow().looksAt(fed, output) : Metric.rows(fed, output);
    }

    private static Closeness closeness(boolean floating) {
        return floating ? new Fidelity() : new Agreement();
    }

    /** Adds what one batch contributes, in the order of the data. */
    void count(Measured measured) {
        outputs.computeIfAbsent(measured.output(), first -> closeness(measured.floating()))
                .count(measured.figures());
    }

    /** Closeness by output name, in the order of the first batch. */
    public Map<String, Closeness> outputs() {
        return outputs;
    }

    /**
     * The float output that is farthest from its reference; one that is not finite counts as the farthest.
     *
     * @throws BadInput if no output is of floats
     */
    public Fidelity worst() {
        return worst(outputs.values().stream())
                .orElseThrow(() -> new BadInput("none of the outputs " + outputs.keySet()
                        + " is of floats, and no float tensor before them is known: "
                        + "the closeness of the quantized model cannot be measured"));
    }

    /** The farthest of these outputs, or of all if none of these is of floats. @throws BadInput if none at all is */
    Fidelity worst(List<String> names) {
        return worst(names.stream().map(outputs::get)).orElseGet(this::worst);
    }

    private static Optional<Fidelity> worst(Stream<Closeness> among) {
        return among.filter(Fidelity.class::isInstance)
                .map(Fidelity.class::cast)
                .min(Comparator.comparing((Fidelity each) -> !Double.isNaN(each.sqnrDb()))
                        .thenComparing(Fidelity::sqnrDb));
    }

    /** Squared error relative to the power, averaged over the float outputs. */
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
