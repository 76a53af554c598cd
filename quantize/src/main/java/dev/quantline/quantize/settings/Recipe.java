package dev.quantline.quantize.settings;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * How a model is to be quantized, with every setting of the preset filled in. The vocabularies are those of the
 * published schema.
 *
 * @param preset         the preset that everything not stated was taken from
 * @param weightBits     width of the weights' codes
 * @param activationBits width of the activations' codes; 32 leaves them float
 * @param exclude        names of nodes or tensors that stay float, globs allowed
 * @param products       what products with 4-bit weights in blocks are written as: {@code standard} operators or
 *                       {@code matmulnbits}
 */
public record Recipe(
        String preset,
        int weightBits,
        int activationBits,
        Calibrate calibrate,
        Tune tune,
        Optional<Allocate> allocate,
        List<String> exclude,
        Optional<Goal> goal,
        String products) {
    public Recipe {
        products = products == null ? "standard" : products;
    }

    /**
     * How ranges are chosen.
     *
     * @param range       criterion of activations: {@code minmax}, {@code movingaverage}, {@code percentile},
     *                    {@code entropy}, {@code mse}, {@code mae} or {@code auto}
     * @param weights     criterion of weight scales: {@code max}, {@code percentile}, {@code entropy}, {@code mse} or
     *                    {@code mae}
     * @param granularity what shares a weight scale: {@code tensor}, {@code channel} or {@code block}
     * @param block       inputs that share a scale where granularity is {@code block}
     * @param softmax     quantizer behind Softmax: {@code uniform}, {@code log2}, {@code logsqrt2}, {@code tan} or
     *                    {@code auto}
     * @param layernorm   scale reparameterisation behind LayerNorm: {@code off}, {@code mean}, {@code median} or
     *                    {@code search}
     * @param equalize    whether ranges of weights are balanced between convolutions in a row
     * @param padding     whether tokens that {@code attention_mask} hides count in the statistics
     */
    public record Calibrate(
            String range,
            String weights,
            String granularity,
            int block,
            String softmax,
            String layernorm,
            boolean equalize,
            boolean padding) {}

    /** What every preset sets, by its name. */
    public static JsonNode presets() {
        try (var in = Recipe.class.getResourceAsStream("presets.json")) {
            return Json.MAPPER.readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException("presets.json", e);
        }
    }

    /** The same with another budget and goal. */
    public Recipe with(Allocate budget, Optional<Goal> wanted) {
        return new Recipe(
                preset, weightBits, activationBits, calibrate, tune, Optional.of(budget), exclude, wanted, products);
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

    /**
     * What is trained.
     *
     * @param rounding      {@code nearest} or {@code compensated}: how weights are rounded before anything is trained
     * @param bias          whether the mean error of each channel is taken out of the biases
     * @param quanttune     outlier-driven fine-tuning before anything else; empty for none
     * @param layers        {@code off}, {@code adaquant}, {@code adaround} or {@code reconstruct}
     * @param normalization whether normalisation statistics are estimated again on the quantized model
     * @param order         {@code sequential} or {@code parallel}: whether a piece learns on what tuned pieces give or on
     *                      what the float network gives
     * @param samples       calibration samples used at most
     * @param write         whether a language model that has fewer writes some itself
     * @param blocks        tensors that blocks end in; empty: found by structure
     * @param affine        whether a factor on each output channel is trained besides
     * @param whole         {@code off}, {@code biases} or {@code all}: what of the whole network is trained together in the end;
     *                      {@code logits}: all where the metric is of logits, nothing elsewhere
     * @param minutes       what tuning may take; steps then follow from how long they take
     * @param training      how each piece is trained
     */
    public record Tune(
            String rounding,
            boolean bias,
            Optional<QuantTune> quanttune,
            String layers,
            boolean normalization,
            String order,
            int samples,
            boolean write,
            List<String> blocks,
            boolean affine,
            String whole,
            Optional<Double> minutes,
            Training training) {}

    /**
     * Outlier-driven fine-tuning of the float network (QuantTune, arXiv 2403.06497); fields that are missing have the value
     * named here.
     *
     * @param lambda how large the outlier term is at the start, over the loss of the quantized network; 0.5
     * @param k      standard deviations beyond which an element is an outlier; 6
     * @param epochs passes over the training data; 2
     * @param steps  training steps at most; no limit
     * @param batch  samples a step; 32
     * @param rate   of AdamW; 2e-5
     * @param decay  of the weights; 0.01
     * @param clip   longest gradient; 1
     * @param seed   of the order of samples; 0
     */
    public record QuantTune(
            Double lambda,
            Double k,
            Integer epochs,
            Integer steps,
            Integer batch,
            Double rate,
            Double decay,
            Double clip,
            Long seed) {
        public QuantTune {
            lambda = lambda == null ? 0.5 : lambda;
            k = k == null ? 6 : k;
            epochs = epochs == null ? 2 : epochs;
            steps = steps == null ? Integer.MAX_VALUE : steps;
            batch = batch == null ? 32 : batch;
            rate = rate == null ? 2e-5 : rate;
            decay = decay == null ? 0.01 : decay;
            clip = clip == null ? 1 : clip;
            seed = seed == null ? 0 : seed;
        }
    }

    /**
     * How each piece is trained; rates are relative, {@code docs/tuning.md} says to what.
     *
     * @param steps training steps a piece
     * @param batch samples a step
     * @param mix   share of inputs that come from the float network
     * @param loss  {@code mse} or {@code mae}
     * @param ahead weight of the error at the end of a block's stage; 0 looks at the block alone
     * @param seed  of the order of samples and of the mixing
     */
    public record Training(int steps, int batch, double mix, String loss, Rates rates, double ahead, long seed) {}

    /** Learning rates by what is trained, and the weight of the term that decides learned rounding. */
    public record Rates(
            double weights,
            double rounding,
            double biases,
            double weightScales,
            double activationScales,
            double affine,
            double decision,
            double zeroPoints) {}

    /**
     * The integer program over bit widths.
     *
     * @param bits          widths of weights to choose from
     * @param activations   widths of activations to choose from
     * @param size          largest file, as a fraction of the float model's bytes
     * @param aim           the same where it can be had, and the smallest file there is where it cannot; none beside {@code size}
     * @param bitOperations most bit operations, as a fraction of those of the widest choice
     * @param latency       most milliseconds of the layers together, one sample
     * @param loss          largest predicted loss: the file is then made as small as that allows
     * @param judge         what a layer's loss is: {@code outputs} or {@code task}
     * @param pinned        widths of layers that are given, {@code weights/activations} by layer
     */
    public record Allocate(
            List<Integer> bits,
            List<Integer> activations,
            Optional<Double> size,
            Optional<Double> aim,
            Optional<Double> bitOperations,
            Optional<Double> latency,
            Optional<Double> loss,
            String judge,
            Map<String, String> pinned) {
        public Allocate {
            bits = bits == null ? List.of(4, 8) : bits;
            activations = activations == null ? List.of(8) : activations;
            judge = judge == null ? "outputs" : judge;
            pinned = new TreeMap<>(pinned == null ? Map.of() : pinned);
            aim = size.isPresent() ? Optional.empty() : aim;
        }
    }

    /** The largest accepted drop of the metric; a job that misses it still delivers its best model. */
    public record Goal(double drop) {}
}
