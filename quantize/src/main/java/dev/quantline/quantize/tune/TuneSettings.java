package dev.quantline.quantize.tune;

import dev.quantline.onnx.BadInput;
import java.util.List;
import java.util.Optional;

/**
 * Settings of tuning.
 *
 * @param rounding   how weights are rounded before anything is trained
 * @param bias       whether biases are corrected on calibration data first
 * @param samples    calibration samples used at most; a quarter of them is held out to judge the result
 * @param layers     what is trained, and in which pieces
 * @param sequential whether a piece learns on what the tuned pieces before it give, or on what the float network gives
 * @param blocks     tensors that blocks end in; empty: found by the network's structure
 * @param affine     whether a factor on each output channel is trained besides (QPRep)
 * @param whole      what of the whole network is trained together once its pieces are
 * @param logits     whether outputs are logits: the whole network then learns, and is judged, by the distributions they stand for
 * @param output     the output that a metric looks at, and everything is tuned for, where outputs are logits; the first one of floats
 *                   when empty. Outputs that are no logits all count
 * @param normalization whether convolutions get back the mean and deviation of their output channels at the end
 * @param training   steps, rates and loss
 */
public record TuneSettings(
        Rounding rounding,
        boolean bias,
        int samples,
        Method layers,
        boolean sequential,
        List<String> blocks,
        boolean affine,
        Whole whole,
        boolean logits,
        Optional<String> output,
        boolean normalization,
        Training training) {
    /** Calibration samples used by default. */
    public static final int SAMPLES = 512;

    private static final int BIAS_SAMPLES = 128;

    /** How weights are rounded before anything is trained. */
    public enum Rounding {
        /** To the nearest code. */
        NEAREST,
        /** Each making up for the errors of those before it (GPTQ, arXiv 2210.17323). */
        COMPENSATED
    }

    /** What is trained, and in which pieces. */
    public enum Method {
        /** Nothing. */
        OFF,
        /** Single layers: weights, biases, scales (AdaQuant, arXiv 2006.10518). */
        ADAQUANT,
        /** Single layers: the direction each weight is rounded to (AdaRound, arXiv 2004.10568), biases, activation scales. */
        ADAROUND,
        /** Blocks: weights, biases, scales (block reconstruction, arXiv 2102.05426). */
        RECONSTRUCT
    }

    /** What of the whole network is trained together, to give the float network's outputs. */
    public enum Whole {
        /** Nothing. */
        OFF,
        /** Biases (bias tuning, arXiv 2006.10518). */
        BIASES,
        /** Weights, biases and scales. */
        ALL
    }

    /** Logits, if any, are the first output of floats. */
    public TuneSettings(
            Rounding rounding,
            boolean bias,
            int samples,
            Method layers,
            boolean sequential,
            List<String> blocks,
            boolean affine,
            Whole whole,
            boolean logits,
            boolean normalization,
            Training training) {
        this(
                rounding,
                bias,
                samples,
                layers,
                sequential,
                blocks,
                affine,
                whole,
                logits,
                Optional.empty(),
                normalization,
                training);
    }

    /** Outputs that are no logits. */
    public TuneSettings(
            Rounding rounding,
            boolean bias,
            int samples,
            Method layers,
            boolean sequential,
            List<String> blocks,
            boolean affine,
            Whole whole,
            boolean normalization,
            Training training) {
        this(rounding, bias, samples, layers, sequential, blocks, affine, whole, false, normalization, training);
    }

    public TuneSettings {
        if (samples < 1) {
            throw new BadInput("tune.samples must be at least 1, not " + samples);
        }
        blocks = List.copyOf(blocks);
    }

    /** Bias correction alone, or nothing. */
    public static TuneSettings biases(boolean bias, int samples) {
        return new TuneSettings(
                Rounding.NEAREST,
                bias,
                samples,
                Method.OFF,
                true,
                List.of(),
                false,
                Whole.OFF,
                false,
                Training.standard());
    }

    /** Bias correction alone, on at most 128 samples. */
    public static TuneSettings int8() {
        return biases(true, BIAS_SAMPLES);
    }

    /** Block reconstruction from what quantized blocks give. */
    public static TuneSettings reconstruct(Training training) {
        return new TuneSettings(
                Rounding.NEAREST,
                false,
                SAMPLES,
                Method.RECONSTRUCT,
                true,
                List.of(),
                false,
                Whole.OFF,
                true,
                training);
    }

    /** The same where weights are rounded and biases corrected already: what is left is to train. */
    TuneSettings afterRounding() {
        return new TuneSettings(
                Rounding.NEAREST,
                false,
                samples,
                layers,
                sequential,
                blocks,
                affine,
                whole,
                logits,
                output,
                normalization,
                training);
    }

    /** What of the whole network is trained. */
    Trainables wholeTrainables() {
        boolean all = whole == Whole.ALL;
        return new Trainables(all ? Trainables.Weights.SHIFTED : Trainables.Weights.FIXED, true, all, all, false);
    }

    /** What of a piece is trained. */
    Trainables trainables() {
        if (layers == Method.OFF) {
            return new Trainables(Trainables.Weights.FIXED, false, false, false, false);
        }
        boolean rounded = layers == Method.ADAROUND;
        return new Trainables(
                rounded ? Trainables.Weights.ROUNDED : Trainables.Weights.SHIFTED,
                true,
                !rounded,
                true,
                affine,
                training.zeroPointRate() > 0);
    }
}
