package dev.quantline.quantize.calibrate;

import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.profile.TensorProfile;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The charts of an activation in reports agree with its values. */
class ProfileSummaryTest {
    private static final int ROWS = 500;
    private static final int CHANNELS = 20;

    private static float[] values() {
        var random = new Random(3);
        var values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (2 + random.nextGaussian() * (1 + i % CHANNELS));
        }
        return values;
    }

    @Test
    void theBinsCountEveryValueWhereItLies() {
        // When
        var values = values();
        var summary = ProfileSummary.of(TensorProfile.of("x", -1, List.of(Tensor.of(values, ROWS, CHANNELS))));

        // Then
        assertEquals(100, summary.counts().size());
        assertEquals(
                values.length,
                summary.counts().stream().mapToLong(Long::longValue).sum());
        double max = Double.NEGATIVE_INFINITY;
        double min = Double.POSITIVE_INFINITY;
        for (float value : values) {
            max = Math.max(max, value);
            min = Math.min(min, value);
        }
        assertEquals(min, summary.low(), 1e-6);
        assertEquals(max, summary.low() + 100 * summary.width(), 1e-4);
        for (int bins = 10; bins <= 90; bins += 20) {
            double edge = summary.low() + bins * summary.width();
            long below = 0;
            for (float value : values) {
                below += value < edge ? 1 : 0;
            }
            long drawn = summary.counts().subList(0, bins).stream()
                    .mapToLong(Long::longValue)
                    .sum();
            assertEquals(below, drawn, .01 * values.length, "below " + edge);
        }
    }

    @Test
    void theChannelsThatReachFarthestComeFirst() {
        // When
        var values = values();
        var summary = ProfileSummary.of(TensorProfile.of("x", -1, List.of(Tensor.of(values, ROWS, CHANNELS))));

        // Then
        assertEquals(16, summary.channels().size());
        double before = Double.POSITIVE_INFINITY;
        for (var reach : summary.channels()) {
            double farthest = 0;
            for (int i = reach.channel(); i < values.length; i += CHANNELS) {
                farthest = Math.max(farthest, Math.abs(values[i] - summary.mean()));
            }
            assertEquals(farthest / summary.deviation(), reach.sigmas(), 1e-4, "channel " + reach.channel());
            assertTrue(reach.sigmas() <= before);
            assertEquals(
                    reach.sigmas() * summary.deviation(),
                    Math.max(reach.high() - summary.mean(), summary.mean() - reach.low()),
                    1e-3);
            before = reach.sigmas();
        }
        assertTrue(
                summary.channels().stream().noneMatch(reach -> reach.channel() < 2),
                "narrow channels are not among them");
    }

    @Test
    void aConstantActivationHasOneBinAndNoReach() {
        var summary = ProfileSummary.of(TensorProfile.of("x", -1, List.of(Tensor.of(new float[] {4, 4, 4, 4}, 2, 2))));

        assertEquals(4, summary.low());
        assertEquals(1, summary.counts().stream().filter(count -> count > 0).count());
        assertEquals(4, summary.counts().stream().mapToLong(Long::longValue).sum());
        assertTrue(summary.width() > 0 && summary.channels().isEmpty());
    }
}
