package dev.quantline.quantize.calibrate;

/** What a range is searched on. */
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
