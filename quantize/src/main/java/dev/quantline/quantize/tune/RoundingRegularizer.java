package dev.quantline.quantize.tune;

/**
 * The regularizer that drives learned rounding to a decision (AdaRound, arXiv 2004.10568): weight sum(1 - |2h - 1|^beta).
 * It is off during the first part of training, which only reconstructs; then beta falls from 20 to 2.
 *
 * @param weight of the sum, relative to the loss
 * @param steps  total training steps
 */
record RoundingRegularizer(double weight, int steps) {
    private static final double WARM_UP = 0.2;
    private static final double SHARPEST = 2;
    private static final double FLATTEST = 20;

    /** Derivative with respect to h at a training step. */
    float gradient(float h, int step) {
        double done = (step / (double) steps - WARM_UP) / (1 - WARM_UP);
        if (weight == 0 || done < 0) {
            return 0;
        }
        double beta = SHARPEST + (FLATTEST - SHARPEST) * (1 + Math.cos(Math.PI * Math.min(1, done))) / 2;
        double centered = 2 * h - 1;
        return (float) (-weight * 2 * beta * Math.pow(Math.abs(centered), beta - 1) * Math.signum(centered));
    }
}
