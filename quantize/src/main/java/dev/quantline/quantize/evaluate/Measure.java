package dev.quantline.quantize.evaluate;

import java.util.Optional;

/**
 * The choice of a metric.
 *
 * @param metric name of the metric
 * @param output the output that it reads; the first float output if empty
 * @param own    the metric itself if its user wrote it; the name is then that of its file
 */
public record Measure(String metric, Optional<String> output, Optional<CustomMetricGraph> own) {
    /** A built-in metric. */
    public Measure(String metric, Optional<String> output) {
        this(metric, output, Optional.empty());
    }

    /** A metric written by its user, which itself names the outputs that it reads. */
    public static Measure of(CustomMetricGraph own) {
        return new Measure(own.name(), Optional.empty(), Optional.of(own));
    }

    /** A metric of the first float output. */
    public static Measure of(String metric) {
        return new Measure(metric, Optional.empty());
    }
}
