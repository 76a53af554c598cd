package dev.quantline.quantize.plan;

import java.util.List;
import java.util.Map;

/**
 * What an activation looked like on the calibration data, small enough to be drawn.
 *
 * @param low          where the first bin begins
 * @param width        width of a bin
 * @param counts       how many values fell into each bin
 * @param kurtosis     3 for a normal distribution
 * @param energyBeyond share of the sum of squares farther than k standard deviations from the mean, by k
 * @param channels     channels that reach farthest, the farthest first; empty where there are none to tell
 * @param samples      samples that reach farther than six standard deviations, the farthest first
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
    /** Extremes of a channel, and how many standard deviations of the whole tensor they lie from its mean. */
    public record Reach(int channel, double low, double high, double sigmas) {}
}
