package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import java.util.Arrays;

/** How close floats of one model are to another's, row by row. Elements infinite in both alike (masked scores) are ignored. */
public final class Fidelity implements Closeness {
    private double cosines;
    private long rows;
    private double signal;
    private double noise;

    @Override
    public void add(Tensor reference, Tensor other) {
        if (reference.dim(0) != other.dim(0)) {
            add(reference.toFloats(), other.toFloats());
            return;
        }
        for (int i = 0; i < reference.dim(0); i++) {
            add(reference.rows(i, i + 1).toFloats(), other.rows(i, i + 1).toFloats());
        }
    }

    private void add(float[] one, float[] two) {
        var a = Arrays.copyOf(one, Math.max(one.length, two.length));
        var b = Arrays.copyOf(two, a.length);
        for (int j = 0; j < a.length; j++) {
            if (Float.isInfinite(a[j]) && a[j] == b[j]) {
                a[j] = 0;
                b[j] = 0;
            }
            signal += (double) a[j] * a[j];
            noise += ((double) a[j] - b[j]) * ((double) a[j] - b[j]);
        }
        cosines += cosine(a, b);
        rows++;
    }

    /** Mean cosine similarity of corresponding rows; 1 if there are none. */
    public double cosine() {
        return rows == 0 ? 1 : cosines / rows;
    }

    /** Signal power over error power in decibels; 200 if the outputs are equal. */
    public double sqnrDb() {
        return noise == 0 ? 200 : 10 * Math.log10(signal / noise);
    }

    /** Mean squared error relative to the mean square of the reference. */
    public double relativeError() {
        return signal == 0 ? noise : noise / signal;
    }

    static double cosine(float[] a, float[] b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (double) a[i] * b[i];
            aa += (double) a[i] * a[i];
            bb += (double) b[i] * b[i];
        }
        return aa == 0 || bb == 0 ? (aa == bb ? 1 : 0) : ab / Math.sqrt(aa * bb);
    }
}
