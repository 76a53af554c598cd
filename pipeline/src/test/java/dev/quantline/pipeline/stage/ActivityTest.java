package dev.quantline.pipeline.stage;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class ActivityTest {
    private static final Duration SHORT = Duration.ofMillis(50);
    private final Activity activity = new Activity();

    @Test
    void whatDoesNotMoveIsStuck() {
        activity.during("tune of a", () -> {
            assertEquals(Optional.empty(), activity.stuck(Duration.ofMinutes(1)));
            pause();
            assertEquals(Optional.of("tune of a"), activity.stuck(SHORT));
            activity.moved();
            assertEquals(Optional.empty(), activity.stuck(SHORT));
        });
        pause();
        assertEquals(Optional.empty(), activity.stuck(SHORT));
    }

    private static void pause() {
        try {
            Thread.sleep(2 * SHORT.toMillis());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
