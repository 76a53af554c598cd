package dev.quantline.quantize.tune;

import dev.quantline.quantize.quantizer.Uniform;

/**
 * What the straight-through estimator differentiates, in float64: a quantizer whose rounding error is a constant. At the point the
 * errors were taken at it computes what the quantizer does; nearby it is smooth but for the ends of the range, so that finite
 * differences of it are the gradients training is to have.
 */
final class StraightThrough {
    private StraightThrough() {}

    /** How many steps from the zero point the lowest and the highest code of a scale are. */
    static double[] reach(Uniform quantizer, int c) {
        return new double[] {
            quantizer.qmin() - quantizer.zeroPoint()[c],
            quantizer.qmax() - quantizer.zeroPoint()[c]
        };
    }

    /** A number of steps from the zero point within the reach of the codes. */
    static double kept(double[] reach, double steps) {
        return Math.max(reach[0], Math.min(reach[1], steps));
    }

    /** What rounding adds to a number of steps within the reach. */
    static double error(double[] reach, double steps) {
        double kept = kept(reach, steps);
        return Math.rint(kept) - kept;
    }
}
