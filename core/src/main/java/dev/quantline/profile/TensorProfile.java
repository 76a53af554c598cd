package dev.quantline.profile;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.List;

/**
 * What is known of one activation after some samples: extremes, moments and a histogram of the whole, extremes and mean
 * of each channel. Its size does not depend on how much was seen.
 */
public final class TensorProfile {
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
    /** Batches disagreed about the number of channels: nothing is known of single ones. */
    @JsonProperty
    private boolean mixed;

    TensorProfile(String tensor, int axis) {
        this.tensor = tensor;
        this.axis = axis;
        histogram = new Histogram();
    }

    @JsonCreator
    TensorProfile(@JsonProperty("tensor") String tensor, @JsonProperty("axis") int axis, @JsonProperty("min") double min,
                  @JsonProperty("max") double max, @JsonProperty("counts") long[] counts) {
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

    int axis() {
        return axis;
    }

    /**
     * The profile of one activation from its values.
     *
     * @param axis channel axis: -1 the last, 1 the second
     */
    public static TensorProfile of(String tensor, int axis, List<Tensor> values) {
        var profile = new TensorProfile(tensor, axis);
        values.forEach(profile::add);
        return profile;
    }

    /** Name of the activation. */
    public String tensor() {
        return tensor;
    }

    /** Distribution of all its values. */
    public Histogram histogram() {
        return histogram;
    }

    /** Mean of all values. */
    public double mean() {
        return sum / histogram.total();
    }

    /** Standard deviation of all values. */
    public double deviation() {
        long n = histogram.total();
        return Math.sqrt(Math.max(0, sumOfSquares / n - mean() * mean()));
    }

    /** Smallest value of each channel; empty when batches disagreed about the number of channels. */
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

    /**
     * Adds one activation.
     *
     * @param values FLOAT of any shape
     * @throws BadInput when it holds NaN or infinity
     */
    void add(Tensor values) {
        if (values.size() == 0) {
            return;
        }
        int at = axis < 0 ? values.rank() - 1 : Math.min(axis, values.rank() - 1);
        int channels = values.rank() == 0 ? 1 : values.dim(at);
        int inner = 1;
        for (int i = at + 1; i < values.rank(); i++) {
            inner *= values.dim(i);
        }
        var batch = new ChannelSums(channels);
        batch.add(values.floats(), inner);
        double least = batch.least();
        double largest = batch.largest();
        if (!Double.isFinite(least + largest) || !Double.isFinite(Arrays.stream(batch.squares).sum())) {
            throw new BadInput("activation '" + tensor + "' holds NaN or infinity on this data: the model cannot be quantized with it");
        }
        histogram.add(values.floats(), least, largest);
        join(batch, false, Arrays.stream(batch.sums).sum(), Arrays.stream(batch.squares).sum());
    }

    /** Adds everything another profile of the same tensor has seen. */
    void add(TensorProfile other) {
        histogram.add(other.histogram);
        join(new ChannelSums(other.channelMin, other.channelMax, other.channelSum, other.channelSquares), other.mixed, other.sum,
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
