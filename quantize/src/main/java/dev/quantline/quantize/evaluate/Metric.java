package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A figure of merit that sees a data set batch by batch. */
public interface Metric extends AutoCloseable {
    /** Names of all metrics. */
    List<String> NAMES = List.of(
            "top1",
            "top5",
            "f1",
            "exact",
            "pairs",
            "pairs-cls",
            "perplexity",
            "cer",
            "cer-blank-last",
            "psnr",
            "map",
            "map50",
            "map-sigmoid",
            "map50-sigmoid",
            "fidelity");

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

    /** Names of the outputs it looks at. */
    List<String> outputs(Map<String, Tensor> outputs);

    /** The rows two models are compared on: what the metric looks at of an output of its own, {@code [samples, features]}. */
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
        return named.map(name -> named(outputs, name))
                .orElseGet(() -> outputs.entrySet().stream()
                        .filter(output -> output.getValue().type().isFloating())
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElseThrow(() -> new BadInput(
                                "none of the outputs " + outputs.keySet() + " holds floats, which the metric needs")));
    }

    /** The output of this name. @throws BadInput when there is none */
    static String named(Map<String, Tensor> outputs, String name) {
        if (!outputs.containsKey(name)) {
            throw new BadInput("evaluation.output: the model has no output '" + name + "'; it has " + outputs.keySet());
        }
        return name;
    }

    /** Lets go of the data it reads. */
    @Override
    default void close() {}

    /**
     * The metric on this data, to be closed; {@code fidelity} has none and is empty.
     *
     * @throws BadInput when the name is unknown or the data lacks what it needs
     */
    static Optional<Metric> of(Measure measure, Dataset data) throws IOException {
        if (measure.own().isPresent()) {
            return Optional.of(new CustomMetric(measure.own().get(), data));
        }
        var output = measure.output();
        return Optional.ofNullable(
                switch (measure.metric()) {
                    case "top1" -> new TopK(1, output, data.target("labels"));
                    case "top5" -> new TopK(5, output, data.target("labels"));
                    case "pairs" -> new Pairs(Pairs.Pooling.MEAN, output, data.target("scores"));
                    case "pairs-cls" -> new Pairs(Pairs.Pooling.CLS, output, data.target("scores"));
                    case "perplexity" -> new Perplexity(output);
                    case "f1" -> new Classes(Classes.Figure.MACRO_F1, output, data.targets("targets", "labels"));
                    case "exact" -> new Classes(Classes.Figure.EXACT_MATCH, output, data.targets("targets", "labels"));
                    case "cer" -> new CharacterErrors(false, output, data.targets("targets"));
                    case "cer-blank-last" -> new CharacterErrors(true, output, data.targets("targets"));
                    case "psnr" -> new PeakSignalToNoise(output, data.targets("targets"));
                    case "map" ->
                        new MeanAveragePrecision(
                                AveragePrecision.overThresholds(), false, output, data.targets("targets"));
                    case "map50" ->
                        new MeanAveragePrecision(AveragePrecision.at50(), false, output, data.targets("targets"));
                    case "map-sigmoid" ->
                        new MeanAveragePrecision(
                                AveragePrecision.overThresholds(), true, output, data.targets("targets"));
                    case "map50-sigmoid" ->
                        new MeanAveragePrecision(AveragePrecision.at50(), true, output, data.targets("targets"));
                    case "fidelity" -> null;
                    default ->
                        throw new BadInput("metric '" + measure.metric() + "' is unknown: "
                                + ClosestName.hint(measure.metric(), NAMES));
                });
    }
}
