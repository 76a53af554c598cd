package dev.quantline.evaluate;

import java.util.Optional;

/**
 * What a model is measured by.
 *
 * @param metric name of a metric
 * @param output the output it looks at; the first one of floats when empty
 */
public record Measure(String metric, Optional<String> output) {
    /** A metric of the first output of floats. */
    public static Measure of(String metric) {
        return new Measure(metric, Optional.empty());
    }
}
