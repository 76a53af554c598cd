package dev.quantline.quantize.allocate;

import dev.quantline.quantize.settings.Width;
import java.util.Map;
import java.util.TreeMap;

/**
 * A solution of a table.
 *
 * @param widths        by layer
 * @param loss          sum of the layers' losses, the predicted loss on the assumption that they add up
 * @param bytes         predicted size of the file
 * @param bitOperations bit operations of one sample
 * @param milliseconds  total time of the layers for one sample
 * @param gap           bound on how much better a solution could be, relative to the objective; 0 if this one is proven
 *                      optimal
 */
public record Allocation(
        Map<String, Width> widths, double loss, long bytes, double bitOperations, double milliseconds, double gap) {
    public Allocation {
        widths = new TreeMap<>(widths);
    }
}
