package dev.quantline.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Nearest;
import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.Dataset;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A figure of merit that sees a data set batch by batch. */
public interface Metric {
    /**
     * Sees one batch.
     *
     * @param fed     what went into the model
     * @param outputs what came out, by name, in the model's order
     * @throws BadInput when the outputs are not of the shape the metric needs
     */
    void add(Dataset.Batch fed, Map<String, Tensor> outputs);

    /** The figure over everything seen. */
    double value();

    /** Whether larger is better. */
    default boolean largerIsBetter() {
        return true;
    }

    /** Name of the output it looks at. */
    String output(Map<String, Tensor> outputs);

    /** The rows two models are compared on: what the metric looks at of its output, {@code [samples, features]}. */
    default Tensor looksAt(Dataset.Batch fed, Tensor output) {
        return rows(fed, output);
    }

    /** An output as {@code [samples, features]}; as one row where its first axis is not the samples. */
    static Tensor rows(Dataset.Batch fed, Tensor output) {
        boolean bySample = output.rank() > 0 && fed.size() > 0 && output.dim(0) % fed.size() == 0;
        int rows = bySample ? fed.size() : 1;
        return output.reshape(rows, output.size() / rows);
    }

    /**
     * The output that is named, or the first one of floats: others may be classes, masks, caches.
     *
     * @throws BadInput when there is none
     */
    static String output(Map<String, Tensor> outputs, Optional<String> named) {
        if (named.isPresent() && !outputs.containsKey(named.get())) {
            throw new BadInput("evaluation.output: the model has no output '" + named.get() + "'; it has " + outputs.keySet());
        }
        return named.orElseGet(() -> outputs.entrySet().stream().filter(output -> output.getValue().type().isFloating())
            .map(Map.Entry::getKey).findFirst().orElseThrow(() -> new BadInput("none of the outputs " + outputs.keySet()
                + " holds floats, which the metric needs")));
    }

    /**
     * The metric on this data; {@code fidelity} has none and is empty.
     *
     * @throws BadInput when the name is unknown or the data lacks what it needs
     */
    static Optional<Metric> of(Measure measure, Dataset data) throws IOException {
        var output = measure.output();
        return Optional.ofNullable(switch (measure.metric()) {
            case "top1" -> new TopK(1, output, data.target("labels"));
            case "top5" -> new TopK(5, output, data.target("labels"));
            case "pairs" -> new Pairs(output, data.target("scores"));
            case "perplexity" -> new Perplexity(output);
            case "fidelity" -> null;
            default -> throw new BadInput("metric '" + measure.metric() + "' is unknown: "
                + Nearest.hint(measure.metric(), List.of("top1", "top5", "pairs", "perplexity", "fidelity")));
        });
    }
}
