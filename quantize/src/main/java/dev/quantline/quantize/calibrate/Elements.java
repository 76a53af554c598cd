package dev.quantline.quantize.calibrate;

/**
 * The elements of a channel or block of a weight, few enough to visit each of them.
 *
 * @param importance weight of each element's error; null: all count equally
 */
record Elements(float[] values, float[] importance, double min, double max) implements Distribution {
    static Elements of(float[] values, float[] importance) {
        float min = Float.POSITIVE_INFINITY;
        float max = Float.NEGATIVE_INFINITY;
        for (float value : values) {
            min = Math.min(min, value);
            max = Math.max(max, value);
        }
        return new Elements(values, importance, min, max);
    }

    @Override
    public double error(double s, int z, int qmin, int qmax, int power) {
        float step = (float) s;
        float inverse = 1 / step;
        double cost = 0;
        for (int i = 0; i < values.length; i++) {
            float q = Math.clamp((float) Math.rint(values[i] * inverse) + z, qmin, qmax);
            float error = values[i] - (q - z) * step;
            float each = power == 2 ? error * error : Math.abs(error);
            cost += importance == null ? each : each * importance[i];
        }
        return cost / values.length;
    }
}
