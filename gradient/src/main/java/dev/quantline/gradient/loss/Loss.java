package dev.quantline.gradient.loss;

import dev.quantline.gradient.emit.Emitter;
import dev.quantline.onnx.DataType;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The objective of training: a scalar computed from tensors of the graph and from targets, which become new inputs of
 * the graph under the names given here. Unless stated otherwise, a loss is the mean over all elements.
 */
public sealed interface Loss {
    /** Mean of (prediction - target)^2; the target is an input shaped like the prediction. */
    record MeanSquared(String prediction, String target) implements Loss {}

    /** Mean of |prediction - target|; the target is an input shaped like the prediction. */
    record MeanAbsolute(String prediction, String target) implements Loss {}

    /**
     * Mean of d^2/2 where |d| &lt; delta and delta (|d| - delta/2) elsewhere, d = prediction - target.
     *
     * @param delta above 0, in units of the prediction
     */
    record Huber(String prediction, String target, double delta) implements Loss {}

    /**
     * Mean over samples of -log softmax(logits)[label].
     *
     * @param logits    {@code [samples, classes]}
     * @param labels    INT64 input {@code [samples]}
     * @param smoothing share of each label spread evenly over all classes, 0 to below 1 (arXiv 1512.00567)
     */
    record CrossEntropy(String logits, String labels, double smoothing) implements Loss {}

    /**
     * Mean over rows of KL(softmax(teacher/T) || softmax(logits/T)) T^2 (arXiv 1503.02531), rows along the last axis.
     *
     * @param teacher     input with the teacher's logits, shaped like {@code logits}
     * @param temperature T, above 0
     */
    record Distillation(String logits, String teacher, double temperature) implements Loss {}

    /**
     * Mean over pairs of (cosine(a, b) - score)^2, where rows 2i and 2i + 1 of the pooled embeddings are a pair.
     *
     * @param embeddings {@code [2 pairs, tokens, channels]}, averaged over the tokens of the mask, or
     *                   {@code [2 pairs, channels]}, used as they are
     * @param mask       INT64 input {@code [2 pairs, tokens]} of the model, 1 for tokens that count; null if there are
     *                   no tokens
     * @param scores     FLOAT input {@code [pairs]}, in the range of the cosine
     */
    record CosinePairs(String embeddings, String mask, String scores) implements Loss {}

    /**
     * Mean over samples and positions of -log softmax(logits[t])[tokens[t + 1]].
     *
     * @param logits {@code [samples, tokens, vocabulary]}
     * @param tokens INT64 input {@code [samples, tokens]} of the model
     */
    record NextToken(String logits, String tokens) implements Loss {}

    /**
     * Outlier term of an activation (ours, after arXiv 2403.06497): with d = max(0, |a - mean| - width), the sum of d^2
     * divided by the number of elements with d &gt; 0 and by the variance. The statistics are inputs, so no gradient
     * passes through them.
     *
     * @param site       the activation
     * @param statistics FLOAT input {@code [3]}: mean, width (k standard deviations), variance
     */
    record Outliers(String site, String statistics) implements Loss {}

    /** A scalar that the graph itself computes. */
    record Computed(String scalar) implements Loss {}

    /** Weighted sum of losses on any tensors of the graph. */
    record Sum(List<Term> terms) implements Loss {
        public Sum {
            terms = List.copyOf(terms);
        }
    }

    /**
     * One term of a {@link Sum}.
     *
     * @param weight constant factor
     * @param input  FLOAT scalar input that is a further factor, for weights that change during training; null: none
     */
    record Term(double weight, @Nullable String input, Loss loss) {
        /** A term with a constant weight. */
        public static Term of(double weight, Loss loss) {
            return new Term(weight, null, loss);
        }
    }

    /** Tensors of the model that this loss reads. */
    default Set<String> tensors() {
        return switch (this) {
            case MeanSquared loss -> Set.of(loss.prediction());
            case MeanAbsolute loss -> Set.of(loss.prediction());
            case Huber loss -> Set.of(loss.prediction());
            case CrossEntropy loss -> Set.of(loss.logits());
            case Distillation loss -> Set.of(loss.logits());
            case NextToken loss -> Set.of(loss.logits());
            case CosinePairs loss -> Set.of(loss.embeddings());
            case Outliers loss -> Set.of(loss.site());
            case Computed loss -> Set.of(loss.scalar());
            case Sum(List<Term> terms) ->
                terms.stream()
                        .flatMap(term -> term.loss().tensors().stream())
                        .collect(Collectors.toCollection(LinkedHashSet::new));
        };
    }

    /** Writes this loss into a graph and returns the name of the scalar. */
    default String emit(Emitter e) {
        return switch (this) {
            case MeanSquared(String prediction, String target) -> mean(e, square(e, difference(e, prediction, target)));
            case MeanAbsolute(String prediction, String target) ->
                mean(e, e.op("Abs", difference(e, prediction, target)));
            case Huber(String prediction, String target, double delta) ->
                huber(e, difference(e, prediction, target), delta);
            case CrossEntropy loss -> Likelihoods.crossEntropy(e, loss);
            case Distillation loss -> Likelihoods.distillation(e, loss);
            case NextToken loss -> Likelihoods.nextToken(e, loss);
            case CosinePairs loss -> Cosines.pairs(e, loss);
            case Outliers loss -> outliers(e, loss);
            case Computed(String scalar) -> scalar;
            case Sum(List<Term> terms) -> sum(e, terms);
        };
    }

    private static String difference(Emitter e, String prediction, String target) {
        return e.sub(prediction, e.input(target, e.type(prediction), e.shapes().of(prediction)));
    }

    /** With c = |d| clipped at delta, c (|d| - c/2) covers both branches. */
    private static String huber(Emitter e, String difference, double delta) {
        String distance = e.op("Abs", difference);
        String clipped = e.op("Min", distance, e.scalar(distance, delta));
        return mean(e, e.mul(clipped, e.sub(distance, e.times(clipped, 0.5))));
    }

    private static String outliers(Emitter e, Outliers loss) {
        String statistics = e.input(loss.statistics(), e.type(loss.site()), 3);
        String distance = e.op("Abs", e.sub(loss.site(), element(e, statistics, 0)));
        String beyond = e.op("Relu", e.sub(distance, element(e, statistics, 1)));
        String count = total(e, e.cast(e.greater(beyond, e.scalar(beyond, 0)), e.type(beyond)));
        String scale = e.mul(e.op("Max", count, e.scalar(count, 1)), element(e, statistics, 2));
        return e.div(total(e, square(e, beyond)), scale);
    }

    private static String element(Emitter e, String vector, int i) {
        return e.op("Gather", vector, e.tensor(DataType.INT64, new double[] {i}));
    }

    private static String sum(Emitter e, List<Term> terms) {
        return terms.stream()
                .map(term -> {
                    String value = e.times(term.loss().emit(e), term.weight());
                    return term.input() == null ? value : e.mul(value, e.input(term.input(), e.type(value)));
                })
                .reduce(e::add)
                .orElseThrow();
    }

    private static String square(Emitter e, String a) {
        return e.mul(a, a);
    }

    private static String mean(Emitter e, String a) {
        return e.op("ReduceMean", Map.of("keepdims", 0), a);
    }

    private static String total(Emitter e, String a) {
        return e.op("ReduceSum", Map.of("keepdims", 0), a);
    }
}
