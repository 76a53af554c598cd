package dev.quantline.quantize.allocate;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.settings.Width;
import java.util.Map;

/**
 * Limits on an allocation. Without a limit on the loss, the loss is minimized; with one, the size is.
 *
 * @param bytes         largest file; null: no limit
 * @param bitOperations most bit operations of one sample; null: no limit
 * @param milliseconds  most time of the layers together for one sample; null: no limit
 * @param loss          largest sum of losses; null: minimize it
 * @param pinned        layers whose widths are fixed
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Budget(Long bytes, Double bitOperations, Double milliseconds, Double loss, Map<String, Width> pinned) {
    public Budget {
        pinned = Map.copyOf(pinned);
        if (bytes != null && bytes < 0 || negative(bitOperations) || negative(milliseconds) || negative(loss)) {
            throw new BadInput("a budget cannot be negative");
        }
    }

    private static boolean negative(Double limit) {
        return limit != null && !(limit >= 0);
    }

    /** No limit at all. */
    public static Budget none() {
        return new Budget(null, null, null, null, Map.of());
    }

    /** The least loss in a file of at most this size. */
    public static Budget ofBytes(long bytes) {
        return new Budget(bytes, null, null, null, Map.of());
    }

    /** The least size with at most this loss. */
    public static Budget ofLoss(double loss) {
        return new Budget(null, null, null, loss, Map.of());
    }

    /** The same without a limit on the size, which is minimized instead. */
    public Budget smallest() {
        return new Budget(null, bitOperations, milliseconds, loss == null ? Double.MAX_VALUE : loss, pinned);
    }

    /** The same with another limit on the size. */
    public Budget withBytes(Long other) {
        return new Budget(other, bitOperations, milliseconds, loss, pinned);
    }
}
