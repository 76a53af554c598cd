package dev.quantline.quantize.settings;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * How a model is to be quantized: all that a user may ask of it. What each {@link Setting} says of a component is what the published
 * schema, the command line and the documentation say.
 */
public record Recipe(
        @Setting(value = "What gives every setting that is not stated.", standard = "int8")
        String preset,

        @Setting(
                value = "Width of weight codes; embedding tables keep at least 8.",
                standard = "8",
                least = 2,
                most = 16)
        int weightBits,

        @Setting(
                value = "Width of activation codes; 32 leaves activations float.",
                standard = "8",
                least = 2,
                most = 16,
                or = FLOAT)
        int activationBits,

        @Setting("How ranges and scales are chosen.") Calibrate calibrate,
        @Setting("What is trained, and how.") Tune tune,

        @Setting("Widths are chosen layer by layer by an integer program.")
        Optional<Allocate> allocate,

        @Setting(value = "What products with 4-bit weights in blocks are written as.", standard = "standard")
        Products products,

        @Setting(value = "Names of nodes or tensors that stay float, globs allowed.", standard = "[]")
        List<String> exclude,

        @Setting("What the result must keep; a job that misses it delivers its best model with status goal-missed.")
        Optional<Goal> goal) {
    /** Width of activations that stay float. */
    public static final int FLOAT = 32;

    /** How ranges are chosen. */
    public record Calibrate(
            @Setting(
                    value = "How the range of an activation is chosen; auto tries all on the layers that read it.",
                    standard = "mse")
            ActivationRange range,

            @Setting(
                    value = "How the scale of weights is chosen; auto takes the error of the linear layer's output.",
                    standard = "max")
            WeightRange weights,

            @Setting(
                    value =
                            "What shares a weight scale: the tensor, an output channel, or calibrate.block inputs of an output channel.",
                    standard = "channel")
            Granularity granularity,

            @Setting(
                    value = "Inputs that share a scale where granularity is block.",
                    standard = "32",
                    of = {16, 32, 64, 128, 256})
            int block,

            @Setting(value = "Quantizer behind Softmax; auto tries all.", standard = "uniform")
            SoftmaxQuantizer softmax,

            @Setting(
                    value =
                            "How far the spread between channels of LayerNorm and RMSNorm outputs moves into the layers that read them.",
                    standard = "median")
            Migration layernorm,

            @Setting(value = "Balance the ranges of weights between convolutions in a row.", standard = "false")
            boolean equalize,

            @Setting(value = "Count tokens that attention_mask hides in the statistics.", standard = "false")
            boolean padding) {
        /** Inputs that share a weight scale; 0 where scales are not shared by blocks. */
        public int blockSize() {
            return granularity == Granularity.BLOCK ? block : 0;
        }
    }

    /** What is trained. */
    public record Tune(
            @Setting(value = "How weights are rounded before anything is trained.", standard = "nearest")
            Rounding rounding,

            @Setting(
                    value = "Adds the mean error of each output channel to the bias, where held-out samples agree.",
                    standard = "true")
            boolean bias,

            @Setting(
                    value =
                            "Outlier-driven fine-tuning before anything else; true where absent and training data is given.",
                    switched = true)
            Optional<QuantTune> quanttune,

            @Setting(
                    value =
                            "Trains single layers (adaquant, adaround) or blocks (reconstruct) to give the float network's outputs.",
                    standard = "off")
            TuningMethod layers,

            @Setting(
                    value = "Gives convolutions back the mean and deviation of their output channels.",
                    standard = "false")
            boolean normalization,

            @Setting(
                    value =
                            "What pieces learn on: what tuned pieces give (sequential), or what the float network gives (parallel).",
                    standard = "sequential")
            Order order,

            @Setting(value = "Calibration samples used at most; a quarter judges.", standard = "128", least = 1)
            int samples,

            @Setting(
                    value = "A language model with fewer samples than that writes more, up to four times those given.",
                    standard = "false")
            boolean write,

            @Setting(
                    value = "Tensors of the prepared model that blocks end in; found by structure when empty.",
                    standard = "[]")
            List<String> blocks,

            @Setting(
                    value =
                            "What of the whole network is trained together in the end; logits: all, where the metric judges logits.",
                    standard = "off")
            Whole whole,

            @Setting(
                    value =
                            "What tuning may take: steps of a piece then follow from how long they take, whatever training.steps says.",
                    above = 0)
            Optional<Double> minutes,

            @Setting(value = "Trains a factor on each output channel, folded afterwards.", standard = "false")
            boolean affine,

            @Setting("How each piece is trained.") Training training) {}

    /** Outlier-driven fine-tuning of the float network (QuantTune, arXiv 2403.06497). */
    public record QuantTune(
            @Setting(
                    value = "Outlier term at the start, over the quantized network's loss.",
                    standard = "0.5",
                    least = 0)
            double lambda,

            @Setting(value = "Standard deviations beyond which an element is an outlier.", standard = "6", above = 0)
            double k,

            @Setting(value = "Passes over the training data.", standard = "2", least = 1)
            int epochs,

            @Setting(value = "Training steps at most; no limit where absent.", least = 1)
            Integer steps,

            @Setting(value = "Samples a step.", standard = "32", least = 1)
            int batch,

            @Setting(value = "Learning rate of AdamW; it falls along half a cosine.", standard = "2e-5", above = 0)
            double rate,

            @Setting(value = "Weight decay of AdamW.", standard = "0.01", least = 0)
            double decay,

            @Setting(value = "Longest gradient.", standard = "1", least = 0)
            double clip,

            @Setting(value = "Of the order of samples.", standard = "0")
            long seed) {
        public QuantTune {
            steps = steps == null ? Integer.MAX_VALUE : steps;
        }
    }

    /** How each piece is trained; rates are Adam's and fall along half a cosine to 0. */
    public record Training(
            @Setting(value = "Training steps a piece.", standard = "300", least = 1)
            int steps,

            @Setting(value = "Samples a step.", standard = "32", least = 1)
            int batch,

            @Setting(value = "Share of inputs from the float network.", standard = "0.5", least = 0, most = 1)
            double mix,

            @Setting(value = "Distance between the piece's outputs and the float network's.", standard = "mse")
            Distance loss,

            @Setting("Learning rates, relative to the steps and scales of quantizers.")
            Rates rates,

            @Setting(
                    value = "Weight of the error at the end of a block's stage, where 1 balances the gradients.",
                    standard = "0",
                    least = 0)
            double ahead,

            @Setting(value = "Of the order of samples and of the mixing.", standard = "0")
            long seed) {
        /** The same with at most this many samples a step. */
        public Training withBatch(int size) {
            return new Training(steps, size, mix, loss, rates, ahead, seed);
        }

        /** The same with so many steps. */
        public Training withSteps(int number) {
            return new Training(number, batch, mix, loss, rates, ahead, seed);
        }

        /** The same with this loss. */
        public Training withLoss(Distance other) {
            return new Training(steps, batch, mix, other, rates, ahead, seed);
        }

        /** The same with all rates times a factor. */
        public Training withRates(double factor) {
            return new Training(steps, batch, mix, loss, rates.times(factor), ahead, seed);
        }
    }

    /** Learning rates by what is trained, and the weight of the term that decides learned rounding. */
    public record Rates(
            @Setting(value = "Of weights, in steps of the weight's quantizer.", standard = "0.01", least = 0)
            double weights,

            @Setting(value = "Of learned rounding.", standard = "0.02", least = 0)
            double rounding,

            @Setting(value = "Of biases, in spreads of the rounding error of an output.", standard = "0.01", least = 0)
            double biases,

            @Setting(value = "Of weight scales, as shares of the scale.", standard = "0.002", least = 0)
            double weightScales,

            @Setting(value = "Of activation scales, as shares of the scale.", standard = "0.005", least = 0)
            double activationScales,

            @Setting(
                    value = "Of the factors on output channels, as shares of the factor.",
                    standard = "0.002",
                    least = 0)
            double affine,

            @Setting(value = "Weight of the term that settles learned rounding.", standard = "1e-6", least = 0)
            double decision,

            @Setting(
                    value = "Of zero points, in steps of the activation's quantizer; 0 leaves them as calibrated.",
                    standard = "0",
                    least = 0)
            double zeroPoints) {
        /** The same times a factor; a weight of a term is no rate. */
        Rates times(double factor) {
            return new Rates(
                    factor * weights,
                    factor * rounding,
                    factor * biases,
                    factor * weightScales,
                    factor * activationScales,
                    factor * affine,
                    decision,
                    factor * zeroPoints);
        }
    }

    /** The integer program over bit widths. */
    public record Allocate(
            @Setting(
                    value = "Widths of weights to choose from.",
                    standard = "[4, 8]",
                    of = {2, 3, 4, 5, 6, 7, 8})
            List<Integer> bits,

            @Setting(
                    value = "Widths of activations to choose from.",
                    standard = "[8]",
                    of = {2, 3, 4, 5, 6, 7, 8})
            List<Integer> activations,

            @Setting(value = "Budget as a fraction of the float model's bytes.", above = 0, most = 1)
            Optional<Double> size,

            @Setting(
                    value =
                            "The same where it can be had, and the smallest file there is where it cannot; what the preset mixed has"
                                    + " where neither allocate.size, goal.drop nor allocate.loss say what to keep.",
                    above = 0,
                    most = 1)
            Optional<Double> aim,

            @Setting(value = "Budget as a fraction of the bit operations of the widest choice.", above = 0, most = 1)
            Optional<Double> bitOperations,

            @Setting(value = "Budget in milliseconds of all layers, one sample.", above = 0)
            Optional<Double> latency,

            @Setting(value = "Largest predicted loss; the file is made as small as it allows.", least = 0)
            Optional<Double> loss,

            @Setting(value = "What a layer's loss is.", standard = "outputs")
            Judge judge,

            @Setting(
                    value = "Widths of layers that are given: \"weights/activations\" by the layer's name.",
                    standard = "{}",
                    form = "^[2-8]/[2-8]$")
            Map<String, String> pinned) {
        public Allocate {
            pinned = new TreeMap<>(pinned);
            aim = size.isPresent() ? Optional.empty() : aim;
        }
    }

    /** The largest accepted drop of the metric; a job that misses it still delivers its best model. */
    public record Goal(
            @Setting(value = "Largest accepted drop of the metric.", least = 0)
            double drop) {}

    /** What every preset sets, by its name. */
    public static ObjectNode presets() {
        try (var in = Recipe.class.getResourceAsStream("presets.json")) {
            var presets = (ObjectNode) Json.MAPPER.readTree(in);
            presets.properties()
                    .forEach(preset ->
                            preset.setValue(Json.merge(Standards.of(Recipe.class), (ObjectNode) preset.getValue())));
            return presets;
        } catch (IOException e) {
            throw new UncheckedIOException("presets.json", e);
        }
    }

    /** The same with another budget and goal. */
    public Recipe with(Allocate budget, Optional<Goal> wanted) {
        return new Recipe(
                preset, weightBits, activationBits, calibrate, tune, Optional.of(budget), products, exclude, wanted);
    }

    /** Widths to calibrate every place at, besides the plan's own: 4 and 8, and those the allocation chooses from. */
    public List<Integer> candidates() {
        return Stream.concat(
                        Stream.of(4, 8),
                        allocate.stream()
                                .flatMap(
                                        choice -> Stream.concat(choice.bits().stream(), choice.activations().stream())))
                .distinct()
                .sorted()
                .toList();
    }

    /** Widths of weights, besides the base's, that layers may be given: each has float weights of its own. */
    public List<Integer> otherWidths() {
        return allocate.stream()
                .flatMap(choice -> choice.bits().stream())
                .filter(bits -> bits != weightBits)
                .distinct()
                .sorted()
                .toList();
    }

    /** Every width that a layer may be given. */
    public List<Width> widths() {
        return allocate.stream()
                .flatMap(choice -> choice.bits().stream()
                        .flatMap(weights ->
                                choice.activations().stream().map(activations -> new Width(weights, activations))))
                .toList();
    }

    /** The width of whatever allocation does not choose. */
    public Width base() {
        return new Width(weightBits, activationBits);
    }
}
