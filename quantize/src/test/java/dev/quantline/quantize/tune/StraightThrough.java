package dev.quantline.quantize.tune;

import dev.quantline.quantize.quantizer.Uniform;

/**
 * What the straight-through estimator differentiates, in float64: a quantizer whose rounding error is held constant. Where the
 * errors were taken, it computes the same as the quantizer; nearby it is smooth except at the ends of the range, so that its
 * finite differences are the gradients that training should have.
 */
final class StraightThrough {
    private StraightThrough() {}

    /** The lowest and the highest code of a scale, in steps from the zero point. */
    static double[] reach(Uniform quantizer, int c) {
        return new double[] {
            quantizer.qmin() - quantizer.zeroPoint()[c],
            quantizer.qmax() - quantizer.zeroPoint()[c]
        };
    }

    /** A number of steps from the zero point, clipped to the range of the codes. */
    static double kept(double[] reach, double steps) {
        return Math.max(reach[0], Math.min(reach[1], steps));
    }

    /** What rounding adds to a number of steps within the range. */
    static double error(double[] reach, double steps) {
        double kept = kept(reach, steps);
        return Math.rint(kept) - kept;
    }
}
