package dev.quantline.finetune;

import dev.quantline.finetune.OutlierSites.Site;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class OutlierStatisticsTest {
    private static final double WIDTH = 4;
    private static final Site STILL = new Site("still", "still/figures");
    private static final Site LIVELY = new Site("lively", "lively/figures");

    @Test
    void theRoundingErrorOfAConstantIsNoDeviation() {
        // Given: a site that is 10 but for the last bit, beside a normal one
        var statistics = new OutlierStatistics(List.of(STILL, LIVELY), WIDTH);
        float[] still = {10, Math.nextUp(100f), 10, Math.nextUp(10f)};
        float[] lively = {0, 1, -4, 4};
        statistics.observed().get(STILL.observed()).floats().put(still);
        statistics.observed().get(LIVELY.observed()).floats().put(lively);

        // When
        statistics.follow();
        statistics.weigh(1);

        // Then: nothing of it is an outlier, and it weighs next to nothing
        var figures = statistics.inputs().get(STILL.statistics()).toFloats();
        assertTrue(figures[1] > 1e-3, "width " + figures[1]);
        assertTrue(statistics.inputs().get(STILL.weight()).get(0) < 1e-3, "weight " + statistics.inputs().get(STILL.weight()).get(0));
        assertEquals(1, statistics.inputs().get(LIVELY.weight()).get(0), 1e-3);
    }
}
