package dev.quantline.quantize.profile;

/**
 * Moving average of the range of single samples: each weighs {@value #MOMENTUM} of the one after it, and the weights of
 * all that were seen are brought to 1. Averages of parts join to that of the whole, in the order of the parts.
 *
 * @param steps how many samples were seen
 * @param low   weighted sum of their smallest values
 * @param high  weighted sum of their largest values
 */
record RangeAverage(long steps, double low, double high) {
    private static final double MOMENTUM = 0.99;

    static final RangeAverage NONE = new RangeAverage(0, 0, 0);

    static RangeAverage of(double least, double largest) {
        return new RangeAverage(1, (1 - MOMENTUM) * least, (1 - MOMENTUM) * largest);
    }

    /** This average, continued by what was seen later. */
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
