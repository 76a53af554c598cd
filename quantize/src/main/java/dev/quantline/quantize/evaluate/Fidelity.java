package dev.quantline.quantize.evaluate;

import dev.quantline.onnx.Tensor;
import java.util.Arrays;

/** How close floats of one model are to another's, row by row. Elements infinite in both alike (masked scores) are ignored. */
public final class Fidelity implements Closeness {
    private double cosines;
    private long rows;
    private double signal;
    private double noise;

    /** The number of rows, their cosines, the power of the reference and that of the difference. */
    @Override
    public double[] measure(Tensor reference, Tensor other) {
        var sums = new double[4];
        if (reference.dim(0) != other.dim(0)) {
            add(reference.toFloats(), other.toFloats(), sums);
            return sums;
        }
        for (int i = 0; i < reference.dim(0); i++) {
            add(reference.rows(i, i + 1).toFloats(), other.rows(i, i + 1).toFloats(), sums);
        }
        return sums;
    }

    @Override
    public void count(double[] measured) {
        rows += (long) measured[0];
        cosines += measured[1];
        signal += measured[2];
        noise += measured[3];
    }

    private static void add(float[] one, float[] two, double[] sums) {
        var a = Arrays.copyOf(one, Math.max(one.length, two.length));
        var b = Arrays.copyOf(two, a.length);
        for (int j = 0; j < a.length; j++) {
            if (Float.isInfinite(a[j]) && a[j] == b[j]) {
                a[j] = 0;
                b[j] = 0;
            }
            sums[2] += (double) a[j] * a[j];
            sums[3] += ((double) a[j] - b[j]) * ((double) a[j] - b[j]);
        }
        sums[1] += cosine(a, b);
        sums[0]++;
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
