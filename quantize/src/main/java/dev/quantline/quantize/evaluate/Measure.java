package dev.quantline.quantize.evaluate;

import java.util.Optional;

/**
 * What a model is measured by.
 *
 * @param metric name of a metric
 * @param output the output it looks at; the first one of floats when empty
 * @param own    the metric itself, where its user wrote it; the name is then that of its file
 */
public record Measure(String metric, Optional<String> output, Optional<CustomMetricGraph> own) {
    /** A metric of this project. */
    public Measure(String metric, Optional<String> output) {
        this(metric, output, Optional.empty());
    }

    /** A metric that its user wrote, which names the outputs it looks at itself. */
    public static Measure of(CustomMetricGraph own) {
        return new Measure(own.name(), Optional.empty(), Optional.of(own));
    }

    /** A metric of the first output of floats. */
    public static Measure of(String metric) {
        return new Measure(metric, Optional.empty());
    }
}
