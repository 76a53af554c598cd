package dev.quantline.quantize.tune;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Tuner.Step;
import java.util.ArrayList;
import java.util.List;

/** The result of tuning so far, and the steps that led to it: a change is kept only if held-out samples improve. */
final class JudgedState {
    private final State start;
    /** For single moves, by squared error: the divergence of a few hundred logits also falls if they grow together with their errors. */
    private final HeldOutError closeness;
    /** For all moves together. */
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

    /** Resumes from a state and the steps that led to it. */
    void restore(State saved, List<Step> taken) {
        state = saved;
        steps.clear();
        steps.addAll(taken);
    }

    /** Records a step, and adopts its state if the step was kept. */
    void keep(Step step, State next) {
        steps.add(step);
        state = step.kept() ? next : state;
    }

    /** Keeps a change of the whole model if held-out samples improve. */
    void keepIfBetter(String method, State next, Progress progress) {
        double before = closeness.error(state, progress.part(0, 0.5));
        double after = next.equals(state) ? before : closeness.error(next, progress.part(0.5, 1));
        keep(new Step(method, "", before, after, after < before, List.of()), next);
    }

    /** Keeps the moves only if together they improve the whole model: each may help alone while they conflict. */
    void judgeTheWhole(Progress progress) {
        double before = heldOut.error(start, progress.part(0, 0.5));
        double after = heldOut.error(state, progress.part(0.5, 1));
        if (after >= before) {
            state = start;
        }
        steps.add(new Step("all", "", before, after, after < before, List.of()));
    }
}
