package dev.quantline.quantize.profile;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** The largest magnitude of an activation in one sample; samples are numbered from 0 over the whole data set. */
public record SamplePeak(int sample, double peak) {
    private static final int KEPT = 8;
    private static final Comparator<SamplePeak> HIGHEST_FIRST =
            Comparator.comparingDouble(SamplePeak::peak).reversed().thenComparingInt(SamplePeak::sample);

    /** The highest of both lists, however the samples were divided. */
    static List<SamplePeak> highest(List<SamplePeak> some, List<SamplePeak> others) {
        return Stream.concat(some.stream(), others.stream())
                .sorted(HIGHEST_FIRST)
                .limit(KEPT)
                .toList();
    }
}
