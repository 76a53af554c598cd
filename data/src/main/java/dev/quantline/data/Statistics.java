package dev.quantline.data;

import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.NpzArrays;
import java.io.IOException;

/** Statistics of one array, from a single pass over its rows. NaN and infinity are counted but enter no other figure. */
public final class Statistics {
    private double least = Double.POSITIVE_INFINITY;
    private double most = Double.NEGATIVE_INFINITY;
    private double sum;
    private long finite;
    private long notFinite;
    private long fractions;
    private int emptyRows;
    private int firstNotFinite = -1;
    private int rows;

    private Statistics() {}

    /** Reads an array. */
    public static Statistics of(NpzArrays file, String array) throws IOException {
        var statistics = new Statistics();
        file.forEachPiece(array, statistics::add);
        return statistics;
    }

    private void add(Tensor piece) {
        int count = piece.dim(0);
        int size = count == 0 ? 0 : piece.size() / count;
        for (int row = 0; row < count; row++, rows++) {
            boolean empty = true;
            for (int i = row * size; i < (row + 1) * size; i++) {
                double value = piece.get(i);
                empty &= value == 0;
                add(value);
            }
            emptyRows += empty ? 1 : 0;
        }
    }

    private void add(double value) {
        if (!Double.isFinite(value)) {
            notFinite++;
            firstNotFinite = firstNotFinite < 0 ? rows : firstNotFinite;
            return;
        }
        least = Math.min(least, value);
        most = Math.max(most, value);
        sum += value;
        finite++;
        fractions += value == Math.rint(value) ? 0 : 1;
    }

    /** The smallest value; infinite where there is none. */
    public double least() {
        return least;
    }

    /** The largest value; minus infinite where there is none. */
    public double most() {
        return most;
    }

    public double mean() {
        return finite == 0 ? Double.NaN : sum / finite;
    }

    /** How many values are NaN or infinite. */
    public long notFinite() {
        return notFinite;
    }

    /** The first row with such a value; -1 for none. */
    int firstNotFinite() {
        return firstNotFinite;
    }

    /** How many rows are 0 throughout. */
    int emptyRows() {
        return emptyRows;
    }

    boolean hasFractions() {
        return fractions > 0;
    }

    /** Whether several values are there and all the same. */
    boolean isConstant() {
        return finite > 1 && least == most;
    }
}
