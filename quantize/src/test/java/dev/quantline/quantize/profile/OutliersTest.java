package dev.quantline.quantize.profile;

import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class OutliersTest {
    private static final long SEED = 19;
    private static final int CHANNELS = 10;

    /** {@code [samples, 50, 10]}, normally distributed, with channel 7 of sample 3 twenty times as large. */
    private static Tensor values(int samples) {
        var random = new Random(SEED);
        var values = new float[samples * 50 * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            boolean outlier = i / (50 * CHANNELS) == 3 && i % CHANNELS == 7;
            values[i] = (float) (1 + random.nextGaussian() * (outlier ? 20 : 1));
        }
        return Tensor.of(values, samples, 50, CHANNELS);
    }

    private static TensorProfile profile(Tensor batch, int first) {
        var profile = new TensorProfile("x", -1);
        profile.add(batch, first, batch.dim(0), Optional.empty());
        return profile;
    }

    @Test
    void figuresAreThoseOfTheValues() {
        // Given
        var batch = values(12);
        var seen = profile(batch, 0);
        double mean = seen.mean();
        double deviation = seen.deviation();
        double fourth = 0;
        double energy = 0;
        double beyond = 0;
        for (float x : batch.toFloats()) {
            fourth += Math.pow((x - mean) / deviation, 4);
            energy += x * x;
            beyond += Math.abs(x - mean) > 4 * deviation ? x * x : 0;
        }

        // When
        var outliers = seen.outliers();

        // Then: up to the width of a histogram's bin
        assertEquals(fourth / batch.size(), outliers.kurtosis(), outliers.kurtosis() / 100, "seed " + SEED);
        assertEquals(beyond / energy, outliers.energyBeyond().get(4), .01, "seed " + SEED);
        assertEquals(
                List.of(7),
                outliers.channels().stream().map(Outliers.Channel::channel).toList());
        assertEquals(
                List.of(3), outliers.samples().stream().map(SamplePeak::sample).toList());
    }

    @Test
    void normalValuesHaveNoOutliers() {
        var outliers = profile(values(3), 0).outliers();

        assertEquals(3, outliers.kurtosis(), .2, "seed " + SEED);
        assertEquals(List.of(), outliers.channels());
        assertEquals(List.of(), outliers.samples());
        assertEquals(0, outliers.energyBeyond().get(6));
        assertEquals(0, profile(Tensor.of(new float[4], 1, 2, 2), 0).outliers().kurtosis());
    }

    @Test
    void partsJoinToTheWhole() {
        // Given
        var batch = values(12);
        var whole = profile(batch, 0);

        for (int cut = 1; cut < 12; cut++) {
            // When
            var merged = Profile.merge(List.of(
                            new Profile(cut, Map.of("x", profile(batch.rows(0, cut), 0))),
                            new Profile(12 - cut, Map.of("x", profile(batch.rows(cut, 12), cut)))))
                    .tensors()
                    .get("x");

            // Then
            assertEquals(whole.peaks(), merged.peaks());
            assertEquals(
                    whole.outliers().channels().size(),
                    merged.outliers().channels().size());
            assertEquals(whole.outliers().kurtosis(), merged.outliers().kurtosis(), 1e-9);
            assertEquals(whole.averageMin(), merged.averageMin(), 1e-9);
            assertEquals(whole.averageMax(), merged.averageMax(), 1e-9);
        }
    }

    @Test
    void theMovingAverageFollowsWhatIsSeenLast() {
        var profile = new TensorProfile("x", -1);
        for (int i = 0; i < 2000; i++) {
            profile.add(Tensor.of(new float[] {-1, i < 1000 ? 1 : 3}, 1, 2), i, 1, Optional.empty());
        }

        assertEquals(-1, profile.averageMin(), 1e-9);
        assertEquals(3, profile.averageMax(), 1e-3);
    }

    @Test
    void hiddenTokensAreLeftOutOnWhicheverAxisTheyLie() {
        // Given: two samples of three tokens, the last token of the second being padding
        var mask = Tensor.of(new long[] {1, 1, 1, 1, 1, 0}, 2, 3);
        var expected = new float[] {0, 1, 2, 3, 4};
        var layouts = new ArrayList<Tensor>();
        layouts.add(Tensor.of(new float[] {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 9, 9}, 2, 3, 2));
        layouts.add(Tensor.of(new float[] {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 9, 9}, 6, 2));
        layouts.add(Tensor.of(new float[] {0, 1, 2, 0, 1, 2, 3, 4, 9, 3, 4, 9}, 2, 1, 2, 3));
        layouts.add(Tensor.of(new float[] {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 9, 9}, 2, 1, 3, 2));

        for (var layout : layouts) {
            // When
            var profile = new TensorProfile("x", -1);
            profile.add(layout, 0, 2, Optional.of(VisibleTokens.of(mask)));

            // Then
            assertEquals(10, profile.histogram().total(), layout.toString());
            assertEquals(expected[4], profile.histogram().max(), layout.toString());
            assertArrayEquals(
                    new int[] {1, 0},
                    profile.peaks().stream().mapToInt(SamplePeak::sample).toArray());
        }
    }

    @Test
    void masksAreToldFromOutliers() {
        for (float penalty : new float[] {-1e4f, -1e9f, -Float.MAX_VALUE}) {
            var scores = values(2).toFloats();
            for (int i = 0; i < scores.length; i += 7) {
                scores[i] += penalty;
            }
            assertTrue(profile(Tensor.of(scores, 2, 50, CHANNELS), 0).holdsMask(), "penalty " + penalty);
        }
        var massive = values(12).toFloats();
        massive[77] = 20_000;
        assertFalse(profile(Tensor.of(massive, 12, 50, CHANNELS), 0).holdsMask());
        assertFalse(profile(values(12), 0).holdsMask());
        assertFalse(new TensorProfile("nothing", -1).holdsMask());
    }
}
