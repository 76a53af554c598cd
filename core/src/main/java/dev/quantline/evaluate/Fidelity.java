package dev.quantline.evaluate;

import dev.quantline.onnx.Tensor;

/** How close one model's outputs are to another's, row by row. */
public final class Fidelity {
    private double cosines;
    private long rows;
    private double signal;
    private double noise;

    /**
     * Sees the same rows of both models.
     *
     * @param reference FLOAT {@code [samples, features]}
     * @param other     of the same shape
     */
    public void add(Tensor reference, Tensor other) {
        for (int i = 0; i < reference.dim(0); i++) {
            var a = reference.rows(i, i + 1).toFloats();
            var b = other.rows(i, i + 1).toFloats();
            cosines += cosine(a, b);
            rows++;
            for (int j = 0; j < a.length; j++) {
                signal += (double) a[j] * a[j];
                noise += ((double) a[j] - b[j]) * ((double) a[j] - b[j]);
            }
        }
    }

    /** Mean cosine between a row and its counterpart. */
    public double cosine() {
        return cosines / rows;
    }

    /** Signal power over error power in decibels; 200 when they are equal. */
    public double sqnrDb() {
        return noise == 0 ? 200 : 10 * Math.log10(signal / noise);
    }

    /** Mean squared difference over mean square of the reference. */
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
