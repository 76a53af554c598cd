package dev.quantline.quantize.calibrate;

import dev.quantline.quantize.plan.Observed;
import dev.quantline.quantize.profile.SamplePeak;
import dev.quantline.quantize.profile.TensorProfile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Reduces a profile to what a chart shows. */
final class ProfileSummary {
    private static final int BINS = 100;
    private static final int CHANNELS = 16;

    private ProfileSummary() {}

    static Observed of(TensorProfile seen) {
        var outliers = seen.outliers();
        var histogram = seen.histogram();
        double low = histogram.min();
        double width = Math.max((histogram.max() - low) / BINS, Float.MIN_NORMAL);
        var bins = new long[BINS];
        var counts = histogram.counts();
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] > 0) {
                bins[(int) Math.clamp((histogram.centre(i) - low) / width, 0, BINS - 1)] += counts[i];
            }
        }
        return new Observed(
                low,
                width,
                Arrays.stream(bins).boxed().toList(),
                seen.mean(),
                seen.deviation(),
                outliers.kurtosis(),
                outliers.energyBeyond(),
                reaches(seen),
                outliers.samples().stream().map(SamplePeak::sample).toList());
    }

    private static List<Observed.Reach> reaches(TensorProfile seen) {
        var min = seen.channelMin();
        var max = seen.channelMax();
        var reaches = new ArrayList<Observed.Reach>();
        for (int c = 0; c < min.length && seen.deviation() > 0; c++) {
            double sigmas = Math.max(max[c] - seen.mean(), seen.mean() - min[c]) / seen.deviation();
            reaches.add(new Observed.Reach(c, min[c], max[c], sigmas));
        }
        return reaches.stream()
                .sorted(Comparator.comparingDouble(Observed.Reach::sigmas).reversed())
                .limit(CHANNELS)
                .toList();
    }
}
