package dev.quantline.tune;

import dev.quantline.quantizer.Uniform;

/**
 * What the straight-through estimator differentiates, in float64: a quantizer whose rounding error is a constant. At the point the
 * errors were taken at it computes what the quantizer does; nearby it is smooth but for the ends of the range, so that finite
 * differences of it are the gradients training is to have.
 */
final class StraightThrough {
    private StraightThrough() {
    }

    /** A number of steps from the zero point within the range of the codes. */
    static double kept(Uniform quantizer, int c, double steps) {
        int z = quantizer.zeroPoint()[c];
        return Math.max(quantizer.qmin() - z, Math.min(quantizer.qmax() - z, steps));
    }

    /** What rounding adds to a number of steps that is within the range. */
    static double error(Uniform quantizer, int c, double steps) {
        double kept = kept(quantizer, c, steps);
        return Math.rint(kept) - kept;
    }
}
