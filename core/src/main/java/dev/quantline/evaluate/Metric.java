package dev.quantline.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.runtime.Dataset;
import java.io.IOException;
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

    /** The rows two models are compared on: what the metric looks at, {@code [samples, features]}. */
    default Tensor rows(Dataset.Batch fed, Map<String, Tensor> outputs) {
        return flatten(fed, outputs);
    }

    /** The first output as {@code [samples, features]}. */
    static Tensor flatten(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var output = outputs.values().iterator().next();
        return output.reshape(fed.size(), output.size() / Math.max(1, fed.size()));
    }

    /**
     * The metric of this name on this data; {@code fidelity} has none and is empty.
     *
     * @throws BadInput when the name is unknown or the data lacks what it needs
     */
    static Optional<Metric> of(String name, Dataset data) throws IOException {
        return Optional.ofNullable(switch (name) {
            case "top1" -> new TopK(1, data.target("labels"));
            case "top5" -> new TopK(5, data.target("labels"));
            case "pairs" -> new Pairs(data.target("scores"));
            case "perplexity" -> new Perplexity();
            case "fidelity" -> null;
            default -> throw new BadInput("metric '" + name + "' is unknown: use top1, top5, pairs, perplexity or fidelity");
        });
    }
}
