package dev.quantline.quantize.calibrate;

/** The values for which a range is searched. */
sealed interface Distribution permits Bins, Elements {
    /** The smallest number. */
    double min();

    /** The largest number. */
    double max();

    /**
     * Mean error of the grid {@code (q - z) s}, q from qmin to qmax.
     *
     * @param power 2 for squared, 1 for absolute errors
     */
    double error(double s, int z, int qmin, int qmax, int power);
}
