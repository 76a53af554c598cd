package dev.quantline.quantize.tune;

import dev.quantline.onnx.BadInput;
import dev.quantline.quantize.tune.Trainables.Kind;

/**
 * How a subgraph is trained. Rates are those of Adam, fall along half a cosine to 0, and are relative: of the steps of a
 * weight's quantizer, of a scale.
 *
 * @param steps           training steps a subgraph
 * @param batch           samples a step
 * @param floatShare      share of input elements that come from the float network instead of the quantized one, 0 to 1
 * @param loss            what the distance to the float outputs is
 * @param weightRate      for weights, in steps of their quantizer
 * @param roundingRate    for learned rounding
 * @param biasRate        for biases, in spreads of the rounding error of their outputs
 * @param weightScaleRate for weight scales, relative to them
 * @param scaleRate       for activation scales, relative to them
 * @param affineRate      for the factors behind layers
 * @param rounding        weight of the term that drives learned rounding to a decision
 * @param ahead           weight of the error at the end of the stage against that of the block, where 1 balances their
 *                        gradients; 0 looks at the block alone (across-block calibration, arXiv 2402.16121)
 * @param seed            of the order of samples and of the mixing
 * @param zeroPointRate   for activation zero points, in steps of their quantizer; 0 leaves them as they are
 */
public record Training(
        int steps,
        int batch,
        double floatShare,
        Distance loss,
        double weightRate,
        double roundingRate,
        double biasRate,
        double weightScaleRate,
        double scaleRate,
        double affineRate,
        double rounding,
        double ahead,
        long seed,
        double zeroPointRate) {
    /** How far quantized outputs are from float ones. */
    public enum Distance {
        /** Mean squared error. */
        MSE,
        /** Mean absolute error. */
        MAE,
        /** Mean divergence KL(float || quantized) of the distributions that logits along the last axis stand for. */
        KL
    }

    /** Zero points stay as they are. */
    public Training(
            int steps,
            int batch,
            double floatShare,
            Distance loss,
            double weightRate,
            double roundingRate,
            double biasRate,
            double weightScaleRate,
            double scaleRate,
            double affineRate,
            double rounding,
            double ahead,
            long seed) {
        this(
                steps,
                batch,
                floatShare,
                loss,
                weightRate,
                roundingRate,
                biasRate,
                weightScaleRate,
                scaleRate,
                affineRate,
                rounding,
                ahead,
                seed,
                0);
    }

    public Training {
        if (steps < 1 || batch < 1 || floatShare < 0 || floatShare > 1) {
            throw new BadInput("tune.steps and tune.batch must be at least 1 and tune.mix from 0 to 1, not " + steps
                    + ", " + batch + " and " + floatShare);
        }
    }

    /** 300 steps of 32 samples, half of the inputs from the float network. */
    public static Training standard() {
        return new Training(300, 32, 0.5, Distance.MSE, 0.01, 0.02, 0.01, 0.002, 0.005, 0.002, 1e-6, 0, 0);
    }

    /** The same with at most this many samples a step. */
    Training withBatch(int size) {
        return new Training(
                steps,
                size,
                floatShare,
                loss,
                weightRate,
                roundingRate,
                biasRate,
                weightScaleRate,
                scaleRate,
                affineRate,
                rounding,
                ahead,
                seed,
                zeroPointRate);
    }

    /** The same with so many steps. */
    public Training withSteps(int number) {
        return new Training(
                number,
                batch,
                floatShare,
                loss,
                weightRate,
                roundingRate,
                biasRate,
                weightScaleRate,
                scaleRate,
                affineRate,
                rounding,
                ahead,
                seed,
                zeroPointRate);
    }

    /** The same with this loss. */
    Training withLoss(Distance other) {
        return new Training(
                steps,
                batch,
                floatShare,
                other,
                weightRate,
                roundingRate,
                biasRate,
                weightScaleRate,
                scaleRate,
                affineRate,
                rounding,
                ahead,
                seed,
                zeroPointRate);
    }

    /** The same with all rates times a factor. */
    Training withRates(double factor) {
        return new Training(
                steps,
                batch,
                floatShare,
                loss,
                factor * weightRate,
                factor * roundingRate,
                factor * biasRate,
                factor * weightScaleRate,
                factor * scaleRate,
                factor * affineRate,
                rounding,
                ahead,
                seed,
                factor * zeroPointRate);
    }

    double rate(Kind kind) {
        return switch (kind) {
            case WEIGHT -> weightRate;
            case ROUNDING -> roundingRate;
            case BIAS -> biasRate;
            case WEIGHT_SCALE -> weightScaleRate;
            case ACTIVATION_SCALE -> scaleRate;
            case ZERO_POINT -> zeroPointRate;
            case AFFINE -> affineRate;
        };
    }
}
