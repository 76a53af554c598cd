package dev.quantline.quantize.tune;

/** The fraction of a step that learned rounding adds (AdaRound, arXiv 2004.10568): h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1). */
final class RectifiedSigmoid {
    /** The unclipped h extends beyond 0 and 1 by this much, so that it can settle there. */
    private static final float STRETCH = 0.1f;

    private RectifiedSigmoid() {}

    static float h(float move) {
        return Math.clamp((1 + 2 * STRETCH) * sigmoid(move) - STRETCH, 0, 1);
    }

    /** The V for which h is {@code fraction}. */
    static float inverse(double fraction) {
        double sigmoid = (fraction + STRETCH) / (1 + 2 * STRETCH);
        return (float) -Math.log(1 / sigmoid - 1);
    }

    /**
     * The gradient with respect to V at a training step, including that of the regularizer.
     *
     * @param passed the gradient with respect to h
     */
    static float gradient(float move, float passed, RoundingRegularizer regularizer, int step) {
        float sigmoid = sigmoid(move);
        float h = (1 + 2 * STRETCH) * sigmoid - STRETCH;
        return h <= 0 || h >= 1
                ? 0
                : (passed + regularizer.gradient(h, step)) * (1 + 2 * STRETCH) * sigmoid * (1 - sigmoid);
    }

    private static float sigmoid(float x) {
        return (float) (1 / (1 + Math.exp(-x)));
    }
}
