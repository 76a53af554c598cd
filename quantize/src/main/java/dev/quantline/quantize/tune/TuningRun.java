package dev.quantline.quantize.tune;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.plan.StoredJson;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Order;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Tuner.Step;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * A tuning run that can stop after any training step and resume from its saved state, giving the same bytes as an
 * uninterrupted run. It makes the moves of its settings one by one: bias correction, every layer or block, the judgement
 * of the whole.
 */
public final class TuningRun implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MODEL = "model.onnx";
    private static final String PLAN = "plan.json";
    private static final String MOVES = "moves.json";
    private static final String TRAINING = "training.npz";
    private static final String STEP = "steps.json";

    /** The model as given, with all its outputs. */
    private final Graph given;

    private final TuningTask task;
    private final Path checkpoint;
    private final JudgedState judged;
    private final SubgraphMoves subgraphs;
    private final List<Move> moves = new ArrayList<>();
    private final TuningPhase phase;
    private int done;
    /** Steps that were taken before the phase. */
    private int before;

    /** The work of a move; returns false if it was stopped. */
    private interface Action {
        boolean take(BooleanSupplier stop, Progress progress);
    }

    /** @param weight relative duration, 1 for a subgraph */
    private record Move(int weight, Action action) {}

    /** The saved state besides the model and the plan. */
    private record Saved(int done, int before, List<Step> steps, Map<String, Integer> chosen) {}

    /**
     * @param model  canonical float model that the plan belongs to
     * @param batch  number of samples run at once
     * @param folder for the activations of all samples at a few blocks, and for the state of a stopped training
     */
    public TuningRun(
            Graph model,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Path folder) {
        this(TuningPhase.all(), model, model, plan, calibration, settings, batch, provider, folder);
    }

    /** A run of one phase of the same; all but the first continue from what another left, see {@link #begin}. */
    public TuningRun(
            TuningPhase phase,
            Graph model,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Path folder) {
        this(phase, model, model, plan, calibration, settings, batch, provider, folder);
    }

    private TuningRun(
            TuningPhase phase,
            Graph reference,
            Graph given,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Path folder) {
        var compared = ComparedOutputs.of(reference);
        // In a network of logits only the metric's output counts: other outputs may be caches or classes.
        var aims = settings.logits() ? compared.lookedAt(settings.output()) : compared;
        this.phase = phase;
        this.given = given;
        var model = aims.alone(reference);
        var start = new State(given == reference ? model : aims.alone(given), plan);
        var split = Split.of(Math.min(settings.tune().samples(), calibration.size()));
        task = new TuningTask(model, start, calibration, settings, split, batch, provider, folder);
        judged = new JudgedState(task);
        checkpoint = folder.resolve(TRAINING);
        boolean floatInputs =
                phase instanceof TuningPhase.Rounding || settings.tune().order() == Order.PARALLEL;
        subgraphs = new SubgraphMoves(task, judged, !floatInputs, checkpoint);
        addMoves(settings);
    }

    private void addMoves(TuneSettings settings) {
        switch (phase) {
            case TuningPhase.All _ -> {
                addBias(settings);
                for (var subgraph : subgraphs.subgraphs()) {
                    addRounding(settings, subgraph);
                    addTraining(subgraph, 1);
                }
                addJudgement(settings);
            }
            case TuningPhase.Preparing _ -> addBias(settings);
            case TuningPhase.Rounding(int index) ->
                addRounding(settings, subgraphs.subgraphs().get(index));
            case TuningPhase.Training(int index, var pieces) -> {
                pieces.forEach(piece -> add(_ -> adopt(piece)));
                add(_ -> before = judged.steps().size());
                addTraining(subgraphs.subgraphs().get(index), settings.tune().sweeps());
            }
            case TuningPhase.Judging(var pieces) -> {
                pieces.forEach(piece -> add(_ -> adopt(piece)));
                addJudgement(settings);
            }
        }
    }

    private void addBias(TuneSettings settings) {
        if (settings.tune().bias()) {
            add(this::correctBiases);
        }
    }

    private void addRounding(TuneSettings settings, Subgraph subgraph) {
        if (settings.tune().rounding() == Rounding.COMPENSATED) {
            add(progress -> subgraphs.round(subgraph, progress));
        }
    }

    /** @param share of the steps: one of so many */
    private void addTraining(Subgraph subgraph, int share) {
        var opaque = NonDifferentiable.in(subgraph, task.model(), task.start().plan());
        moves.add(new Move(1, (stop, progress) -> subgraphs.train(subgraph, opaque, share, stop, progress)));
    }

    private void addJudgement(TuneSettings settings) {
        if (settings.trainsWhole()) {
            // The whole network takes as long as all its subgraphs together.
            int weight = Math.max(1, subgraphs.subgraphs().size());
            subgraphs
                    .whole()
                    .ifPresent(whole -> moves.add(
                            new Move(weight, (stop, progress) -> subgraphs.trainWhole(whole, stop, progress))));
        }
        if (settings.tune().normalization()) {
            add(this::normalize);
        }
        if (!subgraphs.subgraphs().isEmpty()
                || settings.trainsWhole()
                || settings.tune().normalization()) {
            add(judged::judgeTheWhole);
        }
    }

    private void adopt(Path piece) {
        try {
            var step = StoredJson.read(piece.resolve(STEP), Step[].class, "the steps of a tuned piece");
            var state = judged.state();
            var changed = Tuned.read(piece).applyTo(state);
            for (var taken : step) {
                judged.keep(taken, changed);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a tuned piece cannot be read", e);
        }
    }

    /** Adds a move that cannot be stopped. */
    private void add(Consumer<Progress> action) {
        moves.add(new Move(1, (stop, progress) -> {
            action.accept(progress);
            return true;
        }));
    }

    /**
     * A run that continues from the result of {@link RoundedCandidates} for its plan: weights are already rounded and biases
     * corrected, so it does neither again.
     *
     * @param rounded the model with these weights and biases
     */
    public static TuningRun ofRounded(
            Graph model,
            Graph rounded,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Path folder) {
        return new TuningRun(
                TuningPhase.all(),
                model,
                rounded,
                plan,
                calibration,
                settings.afterRounding(),
                batch,
                provider,
                folder);
    }

    /**
     * Limits the duration of this run: the number of steps for a subgraph then follows from the time per step, whatever the
     * settings say. A restored run keeps the numbers chosen before.
     *
     * @param seconds for all slices of the run together
     * @param used    seconds that earlier slices used
     */
    public TuningRun within(double seconds, double used) {
        subgraphs.within(new TimeBudget(seconds, used, System::nanoTime));
        return this;
    }

    /**
     * Continues until everything is done or {@code stop}, which is asked between training steps, returns true.
     *
     * @return whether everything is done
     */
    public boolean advance(BooleanSupplier stop, Progress progress) {
        var timed = new TimeLeft(progress, System::nanoTime);
        double all = weight(moves);
        while (done < moves.size()) {
            double from = weight(moves.subList(0, done)) / all;
            double to = weight(moves.subList(0, done + 1)) / all;
            if (!moves.get(done).action().take(stop, timed.part(from, to))) {
                return false;
            }
            done++;
            if (done < moves.size() && stop.getAsBoolean()) {
                return false;
            }
        }
        return true;
    }

    private static double weight(List<Move> moves) {
        return moves.stream().mapToInt(Move::weight).sum();
    }

    private void correctBiases(Progress progress) {
        var state = judged.state();
        var corrected = BiasCorrection.apply(
                task.model(),
                state.model(),
                state.plan(),
                task.samples(),
                0,
                task.split().train(),
                task.batch(),
                task.provider(),
                progress.part(0, 0.6));
        judged.keepIfBetter("bias correction", new State(corrected, state.plan()), progress.part(0.6, 1));
    }

    private void normalize(Progress progress) {
        var next = NormalizationTuning.apply(
                judged.state(),
                task.model(),
                task.samples(),
                task.split(),
                task.batch(),
                task.provider(),
                progress.part(0, 0.6));
        judged.keepIfBetter("normalization", next, progress.part(0.6, 1));
    }

    /** Names of the pieces that are trained, in their order. */
    public List<String> pieces() {
        return subgraphs.names();
    }

    /** The result so far, with all outputs of the model. */
    public Tuner.Result result() {
        var state = judged.state();
        boolean changed = state.model() != task.start().model();
        return new Tuner.Result(changed ? withOutputs(state.model()) : given, state.plan(), judged.steps());
    }

    private Graph withOutputs(Graph tuned) {
        var whole = tuned.copy();
        whole.outputs().clear();
        whole.outputs().addAll(given.outputs());
        return whole;
    }

    /** Writes everything that a later run needs to resume, as files in {@code target}. */
    public void save(Path target) throws IOException {
        ModelFile.write(judged.state().model(), target.resolve(MODEL));
        judged.state().plan().write(target.resolve(PLAN));
        var saved = new Saved(done, before, judged.steps(), subgraphs.budget().chosen());
        JSON.writeValue(target.resolve(MOVES).toFile(), saved);
        copy(checkpoint, target.resolve(TRAINING));
    }

    /** Writes what {@link TuningPhase.Rounding} or {@link TuningPhase.Training} changed, for the phases behind; returns the files. */
    public List<Path> savePiece(Path target) throws IOException {
        var files = new ArrayList<>(subgraphs.changes().write(target));
        files.add(Files.write(
                target.resolve(STEP),
                Json.bytes(judged.steps().subList(before, judged.steps().size()))));
        return List.copyOf(files);
    }

    /** Begins with the result that a run of {@link TuningPhase.Preparing} saved. */
    public void begin(Path source) throws IOException {
        restore(source);
        done = 0;
        before = judged.steps().size();
    }

    /** Whether a run was saved in this folder. */
    public static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(MOVES));
    }

    /** Resumes from what a run with the same model, plan, data and settings saved. */
    public void restore(Path source) throws IOException {
        var saved = JSON.readValue(source.resolve(MOVES).toFile(), Saved.class);
        done = saved.done();
        before = saved.before();
        subgraphs.budget().restore(saved.chosen());
        var plan = QuantizationPlan.read(source.resolve(PLAN));
        judged.restore(new State(ModelFile.read(source.resolve(MODEL)), plan), saved.steps());
        copy(source.resolve(TRAINING), checkpoint);
    }

    /** Only a stopped training leaves a file. */
    private static void copy(Path training, Path to) throws IOException {
        if (Files.exists(training)) {
            Files.copy(training, to, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    @Override
    public void close() throws IOException {
        subgraphs.close();
    }
}
