package dev.quantline.quantize.tune;

import dev.quantline.quantize.settings.Recipe.Rates;
import java.util.function.ToDoubleFunction;

/**
 * What is trained in a subgraph.
 *
 * @param weights          how weights are trained
 * @param biases           constant biases of layers
 * @param weightScales     scales of weight quantizers, one per channel
 * @param activationScales scales of uniform activation quantizers
 * @param affine           a factor and a shift for each output channel of a layer, folded into the scale that restores the
 *                         codes and into the bias (QPRep, arXiv 2402.16121)
 * @param zeroPoints       zero points of the uniform activation quantizers
 */
public record Trainables(
        Weights weights,
        boolean biases,
        boolean weightScales,
        boolean activationScales,
        boolean affine,
        boolean zeroPoints) {
    static final Trainables NOTHING = new Trainables(Weights.FIXED, false, false, false, false);

    /** Without training zero points. */
    public Trainables(Weights weights, boolean biases, boolean weightScales, boolean activationScales, boolean affine) {
        this(weights, biases, weightScales, activationScales, affine, false);
    }

    /** How weights are trained. */
    public enum Weights {
        /** They are not. */
        FIXED,
        /** W + V with V unrestricted, and the straight-through estimator for rounding (AdaQuant, arXiv 2006.10518). */
        SHIFTED,
        /** Rounded up or down, decided by a rectified sigmoid (AdaRound, arXiv 2004.10568). */
        ROUNDED
    }

    /** Kinds of trained tensors, each with its own learning rate. */
    enum Kind {
        WEIGHT(Rates::weights),
        ROUNDING(Rates::rounding),
        BIAS(Rates::biases),
        WEIGHT_SCALE(Rates::weightScales),
        ACTIVATION_SCALE(Rates::activationScales),
        ZERO_POINT(Rates::zeroPoints),
        AFFINE(Rates::affine);

        private final ToDoubleFunction<Rates> rate;

        Kind(ToDoubleFunction<Rates> rate) {
            this.rate = rate;
        }

        double rate(Rates rates) {
            return rate.applyAsDouble(rates);
        }
    }
}
