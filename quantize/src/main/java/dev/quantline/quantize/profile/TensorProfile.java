package dev.quantline.quantize.profile;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.pattern.ActivationKind;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Statistics of one activation over some samples: extremes, moments, a histogram and outliers of the whole tensor, extremes
 * and moments of each channel, and the samples that reach farthest. Its size does not depend on the number of samples, and
 * profiles of parts of a data set merge into that of the whole.
 */
@JsonIgnoreProperties(
        value = {"mean", "deviation", "outliers"},
        allowGetters = true)
public final class TensorProfile {
    private static final double SMALLEST_MASK = 1e4;
    private static final double FEWEST_MASKED = 1e-3;

    @JsonProperty
    private final String tensor;
    /** Channel axis: -1 the last, 1 the second. */
    @JsonProperty
    private final int axis;

    private final Histogram histogram;

    @JsonProperty
    private double sum;

    @JsonProperty
    private double sumOfSquares;

    @JsonProperty
    private float[] channelMin = {};

    @JsonProperty
    private float[] channelMax = {};

    @JsonProperty
    private double[] channelSum = {};

    @JsonProperty
    private double[] channelSquares = {};
    /** The kind of activation; null if unknown. */
    @JsonProperty
    private ActivationKind kind;

    @JsonProperty
    private RangeAverage average = RangeAverage.NONE;

    @JsonProperty
    private List<SamplePeak> peaks = List.of();
    /** Whether batches disagreed about the number of channels; per-channel statistics are then empty. */
    @JsonProperty
    private boolean mixed;

    TensorProfile(String tensor, int axis, ActivationKind kind) {
        this(tensor, axis);
        this.kind = kind;
    }

    TensorProfile(String tensor, int axis) {
        this.tensor = tensor;
        this.axis = axis;
        histogram = new Histogram();
    }

    @JsonCreator
    TensorProfile(
            @JsonProperty("tensor") String tensor,
            @JsonProperty("axis") int axis,
            @JsonProperty("min") double min,
            @JsonProperty("max") double max,
            @JsonProperty("counts") long[] counts) {
        this.tensor = tensor;
        this.axis = axis;
        histogram = new Histogram(min, max, counts);
    }

    @JsonProperty
    double min() {
        return histogram.min();
    }

    @JsonProperty
    double max() {
        return histogram.max();
    }

    @JsonProperty
    long[] counts() {
        var counts = histogram.counts();
        int used = counts.length;
        while (used > 0 && counts[used - 1] == 0) {
            used--;
        }
        return Arrays.copyOf(counts, used);
    }

    /** An empty profile of the same activation. */
    TensorProfile empty() {
        return new TensorProfile(tensor, axis, kind);
    }

    /**
     * The profile of one activation from its values.
     *
     * @param axis channel axis: -1 the last, 1 the second
     */
    public static TensorProfile of(String tensor, int axis, Iterable<Tensor> values) {
        var profile = new TensorProfile(tensor, axis);
        values.forEach(batch -> profile.add(batch, 0, 1, Optional.empty()));
        return profile;
    }

    /** Name of the activation. */
    public String tensor() {
        return tensor;
    }

    /** The kind of activation. */
    public Optional<ActivationKind> kind() {
        return Optional.ofNullable(kind);
    }

    /** Distribution of all its values. */
    public Histogram histogram() {
        return histogram;
    }

    /** Mean of all values. */
    @JsonProperty
    public double mean() {
        return sum / Math.max(1, histogram.total());
    }

    /** Standard deviation of all values. */
    @JsonProperty
    public double deviation() {
        long n = Math.max(1, histogram.total());
        return Math.sqrt(Math.max(0, sumOfSquares / n - mean() * mean()));
    }

    /** Smallest value of each channel; empty if batches disagreed about the number of channels. */
    public float[] channelMin() {
        return channelMin.clone();
    }

    /** Largest value of each channel. */
    public float[] channelMax() {
        return channelMax.clone();
    }

    /** Mean of each channel. */
    public double[] channelMean() {
        return perValue(channelSum);
    }

    /** Mean square of each channel. */
    public double[] channelMeanSquare() {
        return perValue(channelSquares);
    }

    private double[] perValue(double[] sums) {
        double each = (double) histogram.total() / Math.max(1, sums.length);
        return Arrays.stream(sums).map(channel -> channel / each).toArray();
    }

    /** Moving average of the samples' smallest values, with the latest weighted most. */
    public double averageMin() {
        return average.least();
    }

    /** Moving average of the samples' largest values. */
    public double averageMax() {
        return average.largest();
    }

    /** The samples with the largest magnitudes, largest first. */
    public List<SamplePeak> peaks() {
        return peaks;
    }

    /** How far values, channels and samples stray from the bulk. */
    @JsonProperty
    public Outliers outliers() {
        return Outliers.of(this);
    }

    /**
     * Whether some values are the constants of an attention mask: at least a share of {@value #FEWEST_MASKED} with a
     * magnitude of {@value #SMALLEST_MASK} or more, and none in most of the range between them and the other values. True
     * outliers of a network are rarer.
     */
    public boolean holdsMask() {
        double extreme = Math.abs(histogram.min()) > Math.abs(histogram.max()) ? histogram.min() : histogram.max();
        if (histogram.total() == 0 || Math.abs(extreme) < SMALLEST_MASK) {
            return false;
        }
        long beyond = 0;
        var counts = histogram.counts();
        for (int i = 0; i < counts.length; i++) {
            double share = histogram.centre(i) / extreme;
            if (counts[i] > 0 && share > 0.05 && share < 0.95) {
                return false;
            }
            beyond += share >= 0.95 ? counts[i] : 0;
        }
        return beyond >= FEWEST_MASKED * histogram.total() && beyond < histogram.total();
    }

    /**
     * Adds the values of the activation for some samples.
     *
     * @param batch   FLOAT of any shape
     * @param first   index of the first sample in the data set
     * @param samples number of samples that it contains
     * @param visible tokens that count; empty: all do
     * @throws BadInput if it contains NaN or infinity
     */
    void add(Tensor batch, int first, int samples, Optional<VisibleTokens> visible) {
        SampleValues.forEach(batch, first, samples, visible, this::add);
    }

    private void add(SampleValues part) {
        if (part.count() == 0) {
            return;
        }
        var shape = part.shape();
        int at = axis < 0 ? shape.length - 1 : Math.min(axis, shape.length - 1);
        int channels = shape.length == 0 ? 1 : (int) shape[at];
        int inner = (int) Arrays.stream(shape).skip(at + 1).reduce(1, Math::multiplyExact);
        var sums = new ChannelSums(channels);
        sums.add(part.values(), part.count(), inner);
        double least = sums.least();
        double largest = sums.largest();
        double squares = ChannelSums.total(sums.squares);
        if (!Double.isFinite(least + largest) || !Double.isFinite(squares)) {
            throw new BadInput(
                    "activation '" + tensor + "' contains NaN or infinity on this data: correct the data or the model");
        }
        histogram.add(part.values(), part.count(), least, largest);
        average = average.then(RangeAverage.of(least, largest));
        if (part.sample() != SampleValues.ALL) {
            peaks = SamplePeak.highest(peaks, List.of(new SamplePeak(part.sample(), Math.max(-least, largest))));
        }
        join(sums, false, ChannelSums.total(sums.sums), squares);
    }

    /** Adds all statistics of another profile of the same tensor. */
    void add(TensorProfile other) {
        histogram.add(other.histogram);
        average = average.then(other.average);
        peaks = SamplePeak.highest(peaks, other.peaks);
        join(
                new ChannelSums(other.channelMin, other.channelMax, other.channelSum, other.channelSquares),
                other.mixed,
                other.sum,
                other.sumOfSquares);
    }

    private void join(ChannelSums batch, boolean batchMixed, double total, double totalOfSquares) {
        sum += total;
        sumOfSquares += totalOfSquares;
        int channels = batch.min.length;
        mixed |= batchMixed || channels > 0 && channelMin.length > 0 && channels != channelMin.length;
        if (mixed || channels > 0 && channelMin.length == 0) {
            channelMin = mixed ? new float[0] : batch.min.clone();
            channelMax = mixed ? new float[0] : batch.max.clone();
            channelSum = mixed ? new double[0] : batch.sums.clone();
            channelSquares = mixed ? new double[0] : batch.squares.clone();
            return;
        }
        for (int c = 0; c < channels; c++) {
            channelMin[c] = Math.min(channelMin[c], batch.min[c]);
            channelMax[c] = Math.max(channelMax[c], batch.max[c]);
            channelSum[c] += batch.sums[c];
            channelSquares[c] += batch.squares[c];
        }
    }
}
