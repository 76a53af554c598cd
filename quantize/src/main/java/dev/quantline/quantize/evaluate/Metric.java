package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A figure of merit that is accumulated over a data set batch by batch. */
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
     * What one batch contributes: as many numbers as the metric likes, which mean something to it alone. Batches are measured in the
     * order of the data, but any of them can be the first.
     *
     * @param fed     the inputs of the model
     * @param outputs its outputs by name, in the model's order
     * @throws BadInput if the outputs do not have the shape that the metric needs
     */
    double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs);

    /** Adds what was measured of one batch, here or elsewhere: in the order of the data, for sums of the same bits. */
    void count(double[] measured);

    /** Measures one batch, and adds it. */
    default void add(Dataset.Batch fed, Map<String, Tensor> outputs) {
        count(measure(fed, outputs));
    }

    /** The figure over everything added. */
    double value();

    /** Whether the outputs of the first batch of the data determine how those of all others are read. */
    default boolean isLedByFirst() {
        return false;
    }

    /** Whether larger is better. */
    default boolean largerIsBetter() {
        return true;
    }

    /** Names of the outputs that it reads. */
    List<String> outputs(Map<String, Tensor> outputs);

    /** The rows on which two models are compared: the part of one of its own outputs that it reads, {@code [samples, features]}. */
    default Tensor looksAt(Dataset.Batch fed, Tensor output) {
        return rows(fed, output);
    }

    /** An output as {@code [samples, features]}; as a single row if its first axis is not the batch axis. */
    static Tensor rows(Dataset.Batch fed, Tensor output) {
        boolean bySample = output.rank() > 0 && fed.size() > 0 && output.dim(0) % fed.size() == 0;
        int rows = bySample ? fed.size() : 1;
        return output.reshape(rows, output.size() / rows);
    }

    /**
     * The named output, or the first float output: others may be classes, masks or caches.
     *
     * @throws BadInput if there is none
     */
    static String output(Map<String, Tensor> outputs, Optional<String> named) {
        return named.map(name -> named(outputs, name))
                .orElseGet(() -> outputs.entrySet().stream()
                        .filter(output -> output.getValue().type().isFloating())
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElseThrow(() -> new BadInput(
                                "none of the outputs " + outputs.keySet() + " is of floats, which the metric needs")));
    }

    /** The output of this name. @throws BadInput if there is none */
    static String named(Map<String, Tensor> outputs, String name) {
        if (!outputs.containsKey(name)) {
            throw new BadInput(
                    "evaluation.output: the model has no output '" + name + "'; its outputs are " + outputs.keySet());
        }
        return name;
    }

    /** Releases the data that it reads. */
    @Override
    default void close() {}

    /**
     * The metric on this data, to be closed by the caller; empty for {@code fidelity}, which has none.
     *
     * @throws BadInput if the name is unknown or the data lacks what it needs
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
