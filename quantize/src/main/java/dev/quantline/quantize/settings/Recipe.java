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
 * How a model is to be quantized: everything that a user may request. The published schema, the command line and the documentation
 * take their text about a component from its {@link Setting}.
 *
 * <p>Longer than 400 lines because a recipe is one tree, each setting of which stands beside its text and bounds.
 */
public record Recipe(
        @Setting(value = "The preset that provides every setting not stated here.", standard = "int8")
        String preset,

        @Setting(
                value = "Bits of weight codes; embedding tables keep at least 8.",
                standard = "8",
                least = 2,
                most = 16)
        int weightBits,

        @Setting(
                value = "Bits of activation codes; 32 leaves activations float.",
                standard = "8",
                least = 2,
                most = 16,
                or = FLOAT)
        int activationBits,

        @Setting("How ranges and scales are chosen.") Calibrate calibrate,
        @Setting("What is trained, and how.") Tune tune,

        @Setting("Chooses widths layer by layer with an integer program.")
        Optional<Allocate> allocate,

        @Setting(value = "How products with 4-bit weights in blocks are written.", standard = "standard")
        Products products,

        @Setting(value = "Names of nodes or tensors that stay float; globs are allowed.", standard = "[]")
        List<String> exclude,

        @Setting("What the result must achieve; a job that misses it delivers its best model with status goal-missed.")
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
                    value = "How the scale of weights is chosen; auto minimizes the output error of linear layers.",
                    standard = "max")
            WeightRange weights,

            @Setting(
                    value =
                            "Weights that share a scale: the tensor, an output channel, or calibrate.block inputs of an output channel.",
                    standard = "channel")
            Granularity granularity,

            @Setting(
                    value = "Number of inputs that share a scale if granularity is block.",
                    standard = "32",
                    of = {16, 32, 64, 128, 256})
            int block,

            @Setting(value = "Quantizer for outputs of Softmax; auto tries all.", standard = "uniform")
            SoftmaxQuantizer softmax,

            @Setting(
                    value =
                            "How the channel spread of LayerNorm and RMSNorm outputs is moved into the layers that read them.",
                    standard = "median")
            Migration layernorm,

            @Setting(value = "Balances weight ranges between consecutive convolutions.", standard = "false")
            boolean equalize,

            @Setting(value = "Includes tokens hidden by attention_mask in the statistics.", standard = "false")
            boolean padding) {
        /** Number of inputs that share a weight scale; 0 if granularity is not by block. */
        public int blockSize() {
            return granularity == Granularity.BLOCK ? block : 0;
        }
    }

    /** What is trained. */
    public record Tune(
            @Setting(value = "How weights are rounded before anything is trained.", standard = "nearest")
            Rounding rounding,

            @Setting(
                    value = "Adds the mean error of each output channel to its bias, if held-out samples improve.",
                    standard = "true")
            boolean bias,

            @Setting(
                    value =
                            "Outlier-driven fine-tuning before anything else; if absent, on when training data is given.",
                    switched = true)
            Optional<QuantTune> quanttune,

            @Setting(
                    value =
                            "Trains single layers (adaquant, adaround) or blocks (reconstruct) to reproduce the float network's outputs.",
                    standard = "off")
            TuningMethod layers,

            @Setting(
                    value = "Restores the mean and deviation of the output channels of convolutions.",
                    standard = "false")
            boolean normalization,

            @Setting(
                    value =
                            "Inputs that pieces are trained on: outputs of tuned pieces (sequential), of the float network (parallel), "
                                    + "or of the network with rounded weights, so that replicas train pieces side by side (rounded).",
                    standard = "sequential")
            Order order,

            @Setting(
                    value =
                            "In the order 'rounded': how often all pieces are trained, each time with an equal share of the steps.",
                    standard = "2",
                    least = 1,
                    most = 64)
            int sweeps,

            @Setting(value = "Calibration samples used at most; a quarter is held out.", standard = "128", least = 1)
            int samples,

            @Setting(
                    value = "Lets a language model with fewer samples generate more, up to four times those given.",
                    standard = "false")
            boolean write,

            @Setting(
                    value = "Tensors of the prepared model that blocks end in; empty: found by structure.",
                    standard = "[]")
            List<String> blocks,

            @Setting(
                    value =
                            "What is finally trained in the whole network together; logits: everything if the metric reads logits.",
                    standard = "off")
            Whole whole,

            @Setting(
                    value =
                            "Time limit of tuning; the steps of a piece then follow from their duration, whatever training.steps says.",
                    above = 0)
            Optional<Double> minutes,

            @Setting(value = "Trains a factor for each output channel, which is folded afterwards.", standard = "false")
            boolean affine,

            @Setting("How each piece is trained.") Training training) {}

    /** Outlier-driven fine-tuning of the float network (QuantTune, arXiv 2403.06497). */
    public record QuantTune(
            @Setting(
                    value = "Outlier term at the start, relative to the quantized network's loss.",
                    standard = "0.5",
                    least = 0)
            double lambda,

            @Setting(value = "Standard deviations beyond which an element is an outlier.", standard = "6", above = 0)
            double k,

            @Setting(value = "Passes over the training data.", standard = "2", least = 1)
            int epochs,

            @Setting(value = "Largest number of training steps; if absent, no limit.", least = 1)
            Integer steps,

            @Setting(value = "Samples per step.", standard = "32", least = 1)
            int batch,

            @Setting(value = "Learning rate of AdamW, which decays along a half cosine.", standard = "2e-5", above = 0)
            double rate,

            @Setting(value = "Weight decay of AdamW.", standard = "0.01", least = 0)
            double decay,

            @Setting(value = "Gradient norm above which gradients are clipped; 0: never.", standard = "1", least = 0)
            double clip,

            @Setting(value = "Seed for the order of samples.", standard = "0")
            long seed) {
        public QuantTune {
            steps = steps == null ? Integer.MAX_VALUE : steps;
        }
    }

    /** How each piece is trained; learning rates are Adam's and decay along a half cosine to 0. */
    public record Training(
            @Setting(value = "Training steps per piece.", standard = "300", least = 1)
            int steps,

            @Setting(value = "Samples per step.", standard = "32", least = 1)
            int batch,

            @Setting(value = "Share of inputs taken from the float network.", standard = "0.5", least = 0, most = 1)
            double mix,

            @Setting(value = "Distance between the piece's outputs and the float network's.", standard = "mse")
            Distance loss,

            @Setting("Learning rates, relative to the steps and scales of quantizers.")
            Rates rates,

            @Setting(
                    value = "Weight of the error at the end of a block's stage; 1 balances the gradients.",
                    standard = "0",
                    least = 0)
            double ahead,

            @Setting(value = "Seed for the order of samples and for mixing.", standard = "0")
            long seed) {
        /** The same with this many samples per step. */
        public Training withBatch(int size) {
            return new Training(steps, size, mix, loss, rates, ahead, seed);
        }

        /** The same with this many steps. */
        public Training withSteps(int number) {
            return new Training(number, batch, mix, loss, rates, ahead, seed);
        }

        /** The same with this loss. */
        public Training withLoss(Distance other) {
            return new Training(steps, batch, mix, other, rates, ahead, seed);
        }

        /** The same with all learning rates multiplied by a factor. */
        public Training withRates(double factor) {
            return new Training(steps, batch, mix, loss, rates.times(factor), ahead, seed);
        }
    }

    /** Learning rates by kind of tensor, and the weight of the term that decides learned rounding. */
    public record Rates(
            @Setting(value = "Learning rate of weights, in steps of their quantizers.", standard = "0.01", least = 0)
            double weights,

            @Setting(value = "Learning rate of learned rounding.", standard = "0.02", least = 0)
            double rounding,

            @Setting(
                    value = "Learning rate of biases, in standard deviations of an output's rounding error.",
                    standard = "0.01",
                    least = 0)
            double biases,

            @Setting(value = "Learning rate of weight scales, relative to the scale.", standard = "0.002", least = 0)
            double weightScales,

            @Setting(
                    value = "Learning rate of activation scales, relative to the scale.",
                    standard = "0.005",
                    least = 0)
            double activationScales,

            @Setting(
                    value = "Learning rate of the factors on output channels, relative to the factor.",
                    standard = "0.002",
                    least = 0)
            double affine,

            @Setting(value = "Weight of the term that decides learned rounding.", standard = "1e-6", least = 0)
            double decision,

            @Setting(
                    value = "Learning rate of zero points, in steps of their quantizers; 0 keeps the calibrated ones.",
                    standard = "0",
                    least = 0)
            double zeroPoints) {
        /** The same multiplied by a factor, except for {@code decision}, the weight of a term. */
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
                            "Like size, but the smallest possible file if that is out of reach; the preset mixed uses it"
                                    + " if none of allocate.size, goal.drop and allocate.loss is given.",
                    above = 0,
                    most = 1)
            Optional<Double> aim,

            @Setting(value = "Budget as a fraction of the bit operations of the widest choice.", above = 0, most = 1)
            Optional<Double> bitOperations,

            @Setting(value = "Budget for the time of all layers, in milliseconds per sample.", above = 0)
            Optional<Double> latency,

            @Setting(value = "Largest predicted loss; the file is made as small as it allows.", least = 0)
            Optional<Double> loss,

            @Setting(value = "How the loss of a layer is measured.", standard = "outputs")
            Judge judge,

            @Setting(
                    value = "Fixed widths of layers: \"weights/activations\" by the name of the layer.",
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

    /** The settings of every preset, by its name. */
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

    /** Candidate widths for calibration, besides the plan's own: 4 and 8, and those that allocation chooses from. */
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

    /** Widths of weights that layers may get besides the base width: each has its own float weights. */
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

    /** The width of everything for which allocation does not choose one. */
    public Width base() {
        return new Width(weightBits, activationBits);
    }
}
