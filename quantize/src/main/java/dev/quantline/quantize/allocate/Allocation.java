package dev.quantline.quantize.allocate;

import dev.quantline.quantize.settings.Width;
import java.util.Map;
import java.util.TreeMap;

/**
 * A solved table.
 *
 * @param widths        by layer
 * @param loss          sum of the layers' losses: what is predicted under the assumption that they add up
 * @param bytes         predicted size of the file
 * @param bitOperations of one sample
 * @param milliseconds  of the layers together, one sample
 * @param gap           how far, relative to the objective, a better one may be at most; 0 when this one is proven optimal
 */
public record Allocation(
        Map<String, Width> widths, double loss, long bytes, double bitOperations, double milliseconds, double gap) {
    public Allocation {
        widths = new TreeMap<>(widths);
    }
}
