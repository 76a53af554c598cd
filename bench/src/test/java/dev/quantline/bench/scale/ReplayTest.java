package dev.quantline.bench.scale;

import dev.quantline.bench.scale.Replay.Item;
import dev.quantline.bench.scale.Replay.Stage;
import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;

class ReplayTest {
    private static final Stage TUNE = new Stage(
            "tune",
            1,
            List.of(
                    new Item("rounding", 0, 4),
                    new Item("a", 1, 6),
                    new Item("b", 1, 2),
                    new Item("c", 1, 3),
                    new Item("judging", 2, 5)));

    private static final Replay JOB = new Replay(List.of(TUNE, new Stage("export", 0, List.of(new Item("all", 0, 7)))));

    @Test
    void oneReplicaDoesOneItemAfterTheOther() {
        assertEquals(1 + 4 + 11 + 5 + 7, JOB.seconds(1), 1e-9);
    }

    @Test
    void anItemGoesToTheReplicaThatIsFreeFirstAndPhasesWait() {
        assertEquals(1 + 4 + 6 + 5 + 7, JOB.seconds(2), 1e-9);
        assertEquals(JOB.seconds(2), JOB.seconds(200), 1e-9);
        assertEquals(28.0 / 23, JOB.speedUp(3), 1e-9);
    }

    @Test
    void theCriticalPathIsTheLongestItemOfEachPhase() {
        assertEquals(
                List.of("tune: planning", "tune: rounding", "tune: a", "tune: judging"),
                TUNE.critical().stream().map(Item::name).toList());
    }
}
