package dev.quantline.quantize.tune;

import dev.quantline.quantize.settings.Recipe.Rates;
import java.util.function.ToDoubleFunction;

/**
 * What of a subgraph is trained.
 *
 * @param weights          how weights move
 * @param biases           constant biases of layers
 * @param weightScales     scales that weights are quantized with, one a channel
 * @param activationScales scales of uniform activation quantizers
 * @param affine           a factor and a shift on each output channel of a layer, folded into what the codes stand for and
 *                         into the bias (QPRep, arXiv 2402.16121)
 * @param zeroPoints       zero points of those quantizers
 */
public record Trainables(
        Weights weights,
        boolean biases,
        boolean weightScales,
        boolean activationScales,
        boolean affine,
        boolean zeroPoints) {
    static final Trainables NOTHING = new Trainables(Weights.FIXED, false, false, false, false);

    /** Zero points stay. */
    public Trainables(Weights weights, boolean biases, boolean weightScales, boolean activationScales, boolean affine) {
        this(weights, biases, weightScales, activationScales, affine, false);
    }

    /** How weights move. */
    public enum Weights {
        /** They stay. */
        FIXED,
        /** W + V with V free and rounding passed straight through (AdaQuant, arXiv 2006.10518). */
        SHIFTED,
        /** Up or down to the next code, by a rectified sigmoid (AdaRound, arXiv 2004.10568). */
        ROUNDED
    }

    /** What a trained tensor is; each kind has a learning rate of its own. */
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
