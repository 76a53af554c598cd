package dev.quantline.quantize.profile;

/**
 * Moving average of the ranges of single samples: each has {@value #MOMENTUM} times the weight of the next one, and the
 * weights of all samples are normalised to 1. Averages of parts combine to that of the whole if taken in order.
 *
 * @param steps number of samples seen
 * @param low   weighted sum of their smallest values
 * @param high  weighted sum of their largest values
 */
record RangeAverage(long steps, double low, double high) {
    private static final double MOMENTUM = 0.99;

    static final RangeAverage NONE = new RangeAverage(0, 0, 0);

    static RangeAverage of(double least, double largest) {
        return new RangeAverage(1, (1 - MOMENTUM) * least, (1 - MOMENTUM) * largest);
    }

    /** This average continued by a later one. */
    RangeAverage then(RangeAverage later) {
        double decay = Math.pow(MOMENTUM, later.steps);
        return new RangeAverage(steps + later.steps, low * decay + later.low, high * decay + later.high);
    }

    double least() {
        return low / weight();
    }

    double largest() {
        return high / weight();
    }

    private double weight() {
        return 1 - Math.pow(MOMENTUM, steps);
    }
}
