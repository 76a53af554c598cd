package dev.quantline.quantize.export;

import dev.quantline.quantize.evaluate.Evaluation;
import dev.quantline.quantize.evaluate.Fidelity;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

class VerdictTest {
    private static final JudgedOutput CLOSE = new JudgedOutput("scores", "float", null, .999, 10.0, null);
    private static final JudgedOutput FAR = new JudgedOutput("boxes", "float", null, .9, 9.9, null);
    private static final JudgedOutput LABEL = new JudgedOutput("label", "integer", null, null, null, .1);

    private static Verdict verdict(double goal, JudgedOutput... outputs) {
        var evaluation = new Evaluation(
                "top1", OptionalDouble.of(.9), OptionalDouble.of(.8), true, List.of(), new Fidelity(), Map.of());
        return Verdict.of(evaluation, List.of(outputs), OptionalDouble.of(goal), ", and more");
    }

    @Test
    void aGoalThatIsKeptAndOutputsThatAreCloseNeedNoWords() {
        assertEquals(new Verdict(false, null), verdict(.2, CLOSE, LABEL));
        assertNull(verdict(.2).message());
    }

    @Test
    void everyOutputBelowTenDecibelsIsNamedAndMissesNoGoal() {
        var verdict = verdict(.2, LABEL, FAR, CLOSE);

        assertFalse(verdict.missed());
        assertTrue(verdict.message().startsWith("'boxes' is at 9.9 dB, below 10 dB"), verdict.message());
        assertFalse(verdict.message().contains("scores"), verdict.message());
    }

    @Test
    void bothAreSaid() {
        var verdict = verdict(.05, FAR);

        assertTrue(verdict.missed());
        assertTrue(
                verdict.message().startsWith("the metric dropped by 0.1000, but the goal allows 0.0500"),
                verdict.message());
        assertTrue(verdict.message().contains("and more; 'boxes' is at 9.9 dB"), verdict.message());
    }
}
