package dev.quantline.quantize.allocate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.quantizer.Uniform;

/**
 * Embedding tables below 8 bits: one scale per row, from its largest magnitude shrunk to the least squared error. Rows are
 * looked up one by one, so each has its own scale; a scale per column would have to fit the largest of all rows. Scales are
 * rounded to half precision if that changes them by at most a thousandth: a row has few elements to amortize its scale.
 */
final class RowScales {
    private static final int WIDEST = 50;
    private static final int NARROWEST = 25;
    private static final double TOLERANCE = 1e-3;

    private RowScales() {}

    /** @param table FLOAT {@code [rows, columns]} */
    static Uniform of(Tensor table, int bits) {
        var values = table.toFloats();
        var largest = new double[table.dim(0)];
        int columns = table.dim(1);
        for (int row = 0; row < largest.length; row++) {
            largest[row] = shrink(values, row * columns, columns, (1 << bits - 1) - 1);
        }
        var exact = Uniform.symmetric(bits, 0, largest);
        var halves = exact.scale().clone();
        for (int row = 0; row < halves.length; row++) {
            halves[row] = Float.float16ToFloat(Float.floatToFloat16(halves[row]));
            if (Math.abs(halves[row] - exact.scale()[row]) > TOLERANCE * exact.scale()[row]) {
                return exact;
            }
        }
        return exact.withScale(halves);
    }

    private static double shrink(float[] values, int start, int columns, int qmax) {
        float max = 0;
        for (int i = start; i < start + columns; i++) {
            max = Math.max(max, Math.abs(values[i]));
        }
        double chosen = max;
        double best = Double.POSITIVE_INFINITY;
        for (int step = WIDEST; step >= NARROWEST && max > 0; step--) {
            float s = max * step / WIDEST / qmax;
            double error = 0;
            for (int i = start; i < start + columns; i++) {
                float q = Math.clamp((float) Math.rint(values[i] / s), -qmax - 1, qmax);
                error += (values[i] - q * s) * (values[i] - q * s);
            }
            if (error < best) {
                best = error;
                chosen = s * qmax;
            }
        }
        return chosen;
    }
}
