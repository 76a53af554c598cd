package dev.quantline.quantize.finetune;

import dev.quantline.quantize.finetune.OutlierActivations.Activation;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Statistics of activations while a network is fine-tuned, and their weights. */
class OutlierStatisticsTest {
    private static final double WIDTH = 4;
    private static final Activation CALM = new Activation("calm", "calm/observed");
    private static final Activation LOUD = new Activation("loud", "loud/observed");

    private final OutlierStatistics statistics = new OutlierStatistics(List.of(CALM, LOUD), WIDTH);

    /** A step outputs mean, mean square, minimum and maximum. */
    private void observe(Activation site, float mean, float deviation, float least, float greatest) {
        var figures = new float[] {mean, mean * mean + deviation * deviation, least, greatest};
        statistics.observed().get(site.observed()).floats().put(0, figures);
    }

    private float[] of(Activation site) {
        return statistics.inputs().get(site.statistics()).toFloats();
    }

    private double weight(Activation site) {
        return statistics.inputs().get(site.weight()).get(0);
    }

    @Test
    void aSiteWeighsByItsRangeInDeviations() {
        statistics.weigh(3);
        observe(CALM, 1, 2, -7, 9);
        observe(LOUD, -5, 0.5f, -5, 27);

        statistics.follow();

        // 8 deviations and 64.
        assertEquals(8, weight(LOUD) / weight(CALM), 1e-4);
        assertEquals(3, weight(LOUD) + weight(CALM), 1e-5);
    }

    @Test
    void anOutlierIsWhatLiesBeyondTheWidth() {
        observe(CALM, 1, 2, -7, 9);
        observe(LOUD, -5, 0.5f, -5, 27);

        statistics.follow();

        assertArrayEquals(new float[] {1, 8, 4}, of(CALM), 1e-4f);
        assertArrayEquals(new float[] {-5, 2, 0.25f}, of(LOUD), 1e-4f);
    }

    @Test
    void beforeAnythingIsKnownNothingIsAnOutlierAndNothingWeighs() {
        statistics.weigh(3);

        assertTrue(of(LOUD)[1] > 1e30);
        assertEquals(0, weight(LOUD));
    }

    @Test
    void theFirstStepCountsInFullAndLaterOnesATenth() {
        observe(CALM, 10, 1, 0, 20);
        statistics.follow();
        assertEquals(10, of(CALM)[0], 1e-5);

        observe(CALM, 20, 1, 10, 30);
        statistics.follow();
        assertEquals(11, of(CALM)[0], 1e-5);
    }

    @Test
    void whatWasSavedIsWhatIsGoneOnFrom() {
        statistics.weigh(3);
        observe(CALM, 1, 2, -7, 9);
        observe(LOUD, -5, 0.5f, -5, 27);
        statistics.follow();

        var later = new OutlierStatistics(List.of(CALM, LOUD), WIDTH);
        later.state()
                .forEach((name, memory) ->
                        memory.data().put(statistics.state().get(name).data()));
        later.restored();

        assertEquals(statistics.inputs(), later.inputs());
    }

    @Test
    void theRoundingErrorOfAConstantIsNoDeviation() {
        // Given: an activation that is 10 except for the last bit, beside a normal one
        float[] still = {10, 100, 10, Math.nextUp(10f)};
        statistics.weigh(1);
        statistics.observed().get(CALM.observed()).floats().put(still);
        observe(LOUD, 0, 1, -4, 4);

        // When
        statistics.follow();

        // Then: no element of it is an outlier, and its weight is next to nothing
        assertTrue(of(CALM)[1] > 1e-3, "width " + of(CALM)[1]);
        assertTrue(weight(CALM) < 1e-3, "weight " + weight(CALM));
        assertEquals(1, weight(LOUD), 1e-3);
    }
}
