package dev.quantline.quantize.tune;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Tuner.Step;
import java.util.ArrayList;
import java.util.List;

/** What tuning came to so far, and what its steps did: a change is kept only where held-out samples agree. */
final class JudgedState {
    private final State start;
    /** Of single moves, by squared error: the divergence of a few hundred logits also falls when they grow with their errors. */
    private final HeldOutError closeness;
    /** Of all together. */
    private final HeldOutError heldOut;

    private final List<Step> steps = new ArrayList<>();
    private State state;

    JudgedState(TuningTask task) {
        start = task.start();
        closeness = heldOut(task, false);
        heldOut = heldOut(task, task.settings().logits());
        state = start;
    }

    private static HeldOutError heldOut(TuningTask task, boolean logits) {
        return new HeldOutError(task.model(), task.samples(), task.split(), logits, task.batch(), task.provider());
    }

    State state() {
        return state;
    }

    List<Step> steps() {
        return List.copyOf(steps);
    }

    /** Goes on from a state that steps led to. */
    void restore(State saved, List<Step> taken) {
        state = saved;
        steps.clear();
        steps.addAll(taken);
    }

    /** Notes a step, and takes the state that it led to where it says so. */
    void keep(Step step, State next) {
        steps.add(step);
        state = step.kept() ? next : state;
    }

    /** Keeps a change of the whole model when held-out samples agree. */
    void keepIfBetter(String method, State next, Progress progress) {
        double before = closeness.error(state, progress.part(0, 0.5));
        double after = next.equals(state) ? before : closeness.error(next, progress.part(0.5, 1));
        keep(new Step(method, "", before, after, after < before, List.of()), next);
    }

    /** All moves together are kept only if the whole model gained: they may each gain and disagree. */
    void judgeTheWhole(Progress progress) {
        double before = heldOut.error(start, progress.part(0, 0.5));
        double after = heldOut.error(state, progress.part(0.5, 1));
        if (after >= before) {
            state = start;
        }
        steps.add(new Step("all", "", before, after, after < before, List.of()));
    }
}
