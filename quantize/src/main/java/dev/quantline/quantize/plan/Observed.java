package dev.quantline.quantize.plan;

import java.util.List;
import java.util.Map;

/**
 * The distribution of an activation on the calibration data, small enough to plot.
 *
 * @param low          lower edge of the first bin
 * @param width        width of a bin
 * @param counts       number of values in each bin
 * @param kurtosis     3 for a normal distribution
 * @param energyBeyond share of the sum of squares farther than k standard deviations from the mean, by k
 * @param channels     channels that reach farthest, farthest first; empty if channels are unknown
 * @param samples      samples that reach farther than six standard deviations, farthest first
 */
public record Observed(
        double low,
        double width,
        List<Long> counts,
        double mean,
        double deviation,
        double kurtosis,
        Map<Integer, Double> energyBeyond,
        List<Reach> channels,
        List<Integer> samples) {
    /** Extremes of a channel, and their largest distance from the tensor's mean in standard deviations of the tensor. */
    public record Reach(int channel, double low, double high, double sigmas) {}
}
