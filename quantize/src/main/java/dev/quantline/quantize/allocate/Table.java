package dev.quantline.quantize.allocate;

import dev.quantline.quantize.settings.Width;
import java.util.Comparator;
import java.util.List;

/**
 * The input of the integer program: every layer with the cost of each of its widths.
 *
 * @param rows  layers in graph order
 * @param fixed bytes of the file that no choice changes: structure, float tensors, scales
 */
public record Table(List<Row> rows, long fixed) {
    public Table {
        rows = List.copyOf(rows);
    }

    /**
     * A layer.
     *
     * @param layer   name of the node
     * @param op      its operator
     * @param grid    the activation that it reads at a width shared with other readers; layers of one grid get the same
     *                activation width. Empty if the layer's choice binds no other
     * @param options at least one
     */
    public record Row(String layer, String op, String grid, List<Option> options) {
        public Row {
            options =
                    options.stream().sorted(Comparator.comparing(Option::width)).toList();
            if (options.isEmpty()) {
                throw new IllegalArgumentException("layer '" + layer + "' has no options");
            }
        }
    }

    /**
     * One way to quantize a layer.
     *
     * @param loss          measured degradation if this layer alone is quantized
     * @param bytes         stored size of its weights
     * @param bitOperations multiplications of one sample times weight bits times activation bits
     * @param milliseconds  measured time of the layer for one sample
     */
    public record Option(Width width, double loss, long bytes, double bitOperations, double milliseconds) {}
}
