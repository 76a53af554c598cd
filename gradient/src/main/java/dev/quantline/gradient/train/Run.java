package dev.quantline.gradient.train;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Npz;
import dev.quantline.onnx.runtime.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * A training run of a fixed number of steps that remembers its best held-out score, can stop after any step, and
 * resumes from a checkpoint with the same bits as an uninterrupted run.
 */
public final class Run {
    private final Trainer trainer;
    private final Batches batches;
    private final HeldOut heldOut;
    private final int steps;
    private final int evaluateEvery;
    private final List<Point> curve = new ArrayList<>();
    private Map<String, Tensor> best;
    private double bestScore = Double.POSITIVE_INFINITY;
    private double lossSum;
    private int lossCount;
    private boolean diverged;

    /**
     * One evaluation.
     *
     * @param loss  mean training loss since the previous evaluation; NaN at the start
     * @param score held-out score; lower is better
     */
    public record Point(int step, double loss, double score) {}

    /**
     * @param steps         length of the run
     * @param evaluateEvery steps between evaluations; the start and the end are evaluated too
     */
    public Run(Trainer trainer, Batches batches, HeldOut heldOut, int steps, int evaluateEvery) {
        this.trainer = trainer;
        this.batches = batches;
        this.heldOut = heldOut;
        this.steps = steps;
        this.evaluateEvery = evaluateEvery;
    }

    /**
     * Trains until the end or until {@code stop}, which is asked between steps, returns true.
     *
     * @param progress receives every step; it may throw {@link java.util.concurrent.CancellationException}, after which
     *                 the run is between two steps and can be saved
     * @return whether the run has reached its end
     */
    public boolean advance(BooleanSupplier stop, Progress progress) {
        if (curve.isEmpty()) {
            evaluate();
            progress.report(
                    0,
                    "training starts",
                    new Progress.Learning("", 0, steps, null, curve.getLast().score()));
        }
        while (!isFinished() && !stop.getAsBoolean()) {
            double loss = trainer.step(batches.batch(trainer.steps()));
            if (!Double.isFinite(loss)) {
                diverged = true;
                break;
            }
            lossSum += loss;
            lossCount++;
            boolean judged = trainer.steps() % evaluateEvery == 0 || trainer.steps() == steps;
            if (judged) {
                evaluate();
            }
            progress.report(
                    (double) trainer.steps() / steps,
                    "step " + trainer.steps() + " of " + steps + ", loss " + (float) loss,
                    new Progress.Learning(
                            "",
                            trainer.steps(),
                            steps,
                            loss,
                            judged ? curve.getLast().score() : null));
        }
        return isFinished();
    }

    private void evaluate() {
        double score = heldOut.score(trainer.values());
        curve.add(new Point(trainer.steps(), lossSum / lossCount, score));
        lossSum = 0;
        lossCount = 0;
        if (best == null || score < bestScore) {
            bestScore = Double.isNaN(score) ? bestScore : score;
            best = trainer.copies();
        }
    }

    /** Whether all steps have been taken, or the loss stopped being finite. */
    public boolean isFinished() {
        return diverged || trainer.steps() >= steps;
    }

    /** Whether the run ended because its loss stopped being finite. */
    public boolean diverged() {
        return diverged;
    }

    /** The trained tensors at the best evaluation, which may be the start. */
    public Map<String, Tensor> best() {
        return best;
    }

    /** The best held-out score. */
    public double bestScore() {
        return bestScore;
    }

    /** All evaluations in order. */
    public List<Point> curve() {
        return List.copyOf(curve);
    }

    /** Writes a checkpoint as {@code .npz}. */
    public void save(Path file) throws IOException {
        var arrays = new LinkedHashMap<>(trainer.state());
        var figures = Tensor.zeros(DataType.DOUBLE, 5 + 3L * curve.size());
        var data = figures.data();
        data.putDouble(trainer.steps())
                .putDouble(bestScore)
                .putDouble(lossSum)
                .putDouble(lossCount)
                .putDouble(diverged ? 1 : 0);
        curve.forEach(
                point -> data.putDouble(point.step()).putDouble(point.loss()).putDouble(point.score()));
        arrays.put("figures", figures);
        if (best != null) {
            best.forEach((name, tensor) -> arrays.put("best/" + name, tensor.reshape(tensor.size())));
        }
        Npz.write(file, arrays);
    }

    /**
     * Resumes from a checkpoint of a run with the same settings.
     *
     * @throws dev.quantline.onnx.BadInput if the file is not readable
     */
    public void restore(Path file) throws IOException {
        try (var npz = Npz.open(file)) {
            var state = new LinkedHashMap<String, Tensor>();
            for (String name : trainer.state().keySet()) {
                state.put(name, npz.read(name));
            }
            var figures = npz.read("figures");
            trainer.restore(state, (int) figures.get(0));
            bestScore = figures.get(1);
            lossSum = figures.get(2);
            lossCount = (int) figures.get(3);
            diverged = figures.get(4) != 0;
            curve.clear();
            for (int i = 5; i < figures.size(); i += 3) {
                curve.add(new Point((int) figures.get(i), figures.get(i + 1), figures.get(i + 2)));
            }
            best = curve.isEmpty() ? null : new LinkedHashMap<>();
            for (String name : curve.isEmpty()
                    ? List.<String>of()
                    : List.copyOf(trainer.values().keySet())) {
                best.put(
                        name,
                        npz.read("best/" + name)
                                .reshape(trainer.values().get(name).shape()));
            }
        }
    }
}
