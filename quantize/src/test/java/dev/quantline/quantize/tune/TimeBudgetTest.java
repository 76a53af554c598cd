package dev.quantline.quantize.tune;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class TimeBudgetTest {
    private static final long SECOND = 1_000_000_000;

    private long now;

    private TimeBudget budget(double seconds) {
        return budget(seconds, 0);
    }

    private TimeBudget budget(double seconds, double used) {
        return new TimeBudget(seconds, used, () -> now);
    }

    @Test
    void whatIsLeftIsShared() {
        var budget = budget(1000);

        assertEquals(450, budget.steps("a", 2, 300, () -> 1));
        now += 700 * SECOND;
        assertEquals(400, budget.steps("b", 1, 300, () -> 0.5));
    }

    @Test
    void thereAreBoundsAndNoLimitChangesNothing() {
        assertEquals(20, budget(1).steps("slow", 1, 300, () -> 10));
        assertEquals(2000, budget(1e6).steps("fast", 1, 300, () -> 0.001));
        assertEquals(20, budget(1000).steps("nothing to train", 1, 300, () -> 0));
        assertEquals(300, TimeBudget.NONE.steps("any", 1, 300, () -> {
            throw new AssertionError("nothing has to be measured");
        }));
    }

    @Test
    void whatWasChosenStaysAfterACheckpoint() {
        var first = budget(1000);
        first.steps("a", 2, 300, () -> 1);
        now += 100 * SECOND;

        var second = budget(1000, 100);
        second.restore(first.chosen());

        assertEquals(450, second.steps("a", 2, 300, () -> 99));
        assertEquals(800, second.steps("b", 1, 300, () -> 1));
    }
}
