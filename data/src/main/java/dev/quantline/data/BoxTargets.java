package dev.quantline.data;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzArrays;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/**
 * An array {@code targets [samples, boxes, 5]} as the metric {@code map} reads it: class, x1, y1, x2, y2, a class below 0 where there is
 * no box. Other metrics may take targets of the same shape.
 */
final class BoxTargets {
    private static final int COLUMNS = 5;

    private BoxTargets() {}

    /** The first row that is not a box, with the reason; empty if all are boxes, or if the array does not have the shape of boxes. */
    static Optional<String> fault(NpzArrays file, NpzArrays.Header targets) throws IOException {
        var shape = targets.shape();
        if (shape.length != 3 || shape[2] != COLUMNS) {
            return Optional.empty();
        }
        var found = new AtomicReference<String>();
        var sample = new AtomicInteger();
        file.forEachPiece(targets.name(), piece -> {
            for (int i = 0; i < piece.size() / COLUMNS && found.get() == null; i++) {
                int box = i % piece.dim(1);
                int at = sample.get() + i / piece.dim(1);
                fault(piece, i * COLUMNS)
                        .ifPresent(text -> found.set("box %d of sample %d %s".formatted(box, at, text)));
            }
            sample.addAndGet(piece.dim(0));
        });
        return Optional.ofNullable(found.get());
    }

    private static Optional<String> fault(Tensor rows, int at) {
        var row = new double[COLUMNS];
        Arrays.setAll(row, k -> rows.get(at + k));
        if (row[0] < 0) {
            return Optional.empty();
        }
        boolean finite = Arrays.stream(row).allMatch(Double::isFinite);
        return finite && row[0] == Math.rint(row[0]) && row[3] >= row[1] && row[4] >= row[2]
                ? Optional.empty()
                : Optional.of("is ["
                        + String.join(
                                ", ",
                                Arrays.stream(row).mapToObj(Numbers::brief).toList()) + "]");
    }
}
