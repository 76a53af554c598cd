package dev.quantline.quantize.allocate;

import dev.quantline.quantize.settings.Width;
import java.util.Comparator;
import java.util.List;

/**
 * What the integer program chooses from: every layer with what each width of it would cost.
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
     * @param grid    the activation it reads, where everybody reads that at one width; layers of one grid get the same
     *                activation width. Empty where the layer's own choice binds nobody
     * @param options at least one
     */
    public record Row(String layer, String op, String grid, List<Option> options) {
        public Row {
            options =
                    options.stream().sorted(Comparator.comparing(Option::width)).toList();
            if (options.isEmpty()) {
                throw new IllegalArgumentException("layer '" + layer + "' has no option");
            }
        }
    }

    /**
     * One way to quantize a layer.
     *
     * @param loss          measured degradation when it alone is quantized so
     * @param bytes         of its weights as they are stored
     * @param bitOperations multiplications of one sample times weight bits times activation bits
     * @param milliseconds  measured time of the layer for one sample
     */
    public record Option(Width width, double loss, long bytes, double bitOperations, double milliseconds) {}
}
