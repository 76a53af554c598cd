package dev.quantline.quantize.profile;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How far an activation's values stray from its bulk, in terms of its own mean mu and standard deviation sd.
 *
 * @param kurtosis     E[(x - mu)^4] / sd^4: 3 for a normal distribution
 * @param energyBeyond share of the sum of squares in values farther than k sd from mu, by k: what clipping there would lose
 * @param channels     channels that reach farther than {@value #FAR} sd, farthest first
 * @param samples      samples that reach farther than that, farthest first; at most eight are kept
 */
public record Outliers(
        double kurtosis, Map<Integer, Double> energyBeyond, List<Channel> channels, List<SamplePeak> samples) {
    private static final int FAR = 6;
    private static final int MOST_CHANNELS = 32;
    private static final List<Integer> SIGMAS = List.of(3, 4, 6, 8);

    /** A channel and how many standard deviations of the whole tensor it reaches from the tensor's mean. */
    public record Channel(int channel, double sigmas) {}

    static Outliers of(TensorProfile seen) {
        double mean = seen.mean();
        double deviation = seen.deviation();
        if (!(deviation > 0)) {
            return new Outliers(0, Map.of(), List.of(), List.of());
        }
        double fourth = 0;
        double energy = 0;
        var beyond = new double[SIGMAS.size()];
        var histogram = seen.histogram();
        var counts = histogram.counts();
        for (int i = 0; i < counts.length; i++) {
            double x = Math.clamp(histogram.centre(i), histogram.min(), histogram.max());
            double distance = Math.abs(x - mean) / deviation;
            fourth += counts[i] * Math.pow(distance, 4);
            energy += counts[i] * x * x;
            for (int k = 0; k < beyond.length && distance > SIGMAS.get(k); k++) {
                beyond[k] += counts[i] * x * x;
            }
        }
        var shares = new TreeMap<Integer, Double>();
        for (int k = 0; k < beyond.length; k++) {
            shares.put(SIGMAS.get(k), beyond[k] / energy);
        }
        var samples = seen.peaks().stream()
                .filter(sample -> sample.peak() > FAR * deviation + Math.abs(mean))
                .toList();
        return new Outliers(fourth / histogram.total(), shares, channels(seen, mean, deviation), samples);
    }

    private static List<Channel> channels(TensorProfile seen, double mean, double deviation) {
        var min = seen.channelMin();
        var max = seen.channelMax();
        var far = new ArrayList<Channel>();
        for (int c = 0; c < min.length; c++) {
            double sigmas = Math.max(max[c] - mean, mean - min[c]) / deviation;
            if (sigmas > FAR) {
                far.add(new Channel(c, sigmas));
            }
        }
        return far.stream()
                .sorted(Comparator.comparingDouble(Channel::sigmas).reversed())
                .limit(MOST_CHANNELS)
                .toList();
    }
}
