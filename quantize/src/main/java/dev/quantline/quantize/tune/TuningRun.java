package dev.quantline.quantize.tune;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.tune.BlockTuning.Split;
import dev.quantline.quantize.tune.BlockTuning.State;
import dev.quantline.quantize.tune.Tuner.Step;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Tuning that can stop after any training step and go on from what it saved, to the same bytes as if it had never stopped.
 * It takes the moves of its settings one by one: bias correction, every layer or block, the judgement of the whole.
 */
public final class TuningRun implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String MODEL = "model.onnx";
    private static final String PLAN = "plan.json";
    private static final String MOVES = "moves.json";
    private static final String TRAINING = "training.npz";
    private static final double WHOLE_RATE = 0.05;
    private static final double LOGITS_RATE = 0.2;
    /** Activations of a batch of whole samples; training keeps two to three times that. */
    private static final long WHOLE_BYTES = 1L << 30;

    /** As it came, with all its outputs. */
    private final Graph given;
    /** The float model; puts out what it is tuned for, and that alone. */
    private final Graph model;

    private final State start;
    private final Samples samples;
    private final TuneSettings settings;
    private final int batch;
    private final Provider provider;
    private final Path folder;
    private final Split split;
    /** Of single moves, by squared error: the divergence of a few hundred logits also falls when they grow with their errors. */
    private final HeldOutError closeness;
    /** Of all together. */
    private final HeldOutError heldOut;

    private final Partition partition;
    private final List<Subgraph> parts;
    private final Training training;
    private final List<Move> moves = new ArrayList<>();
    private final List<Step> steps = new ArrayList<>();
    private State state;
    private int done;
    private BlockTuning tuning;
    /** Where {@link #tuning} stands. */
    private Subgraph arrived;

    private TimeBudget budget = TimeBudget.NONE;

    /** One thing to do; not done when it was stopped. */
    private interface Move {
        boolean take(BooleanSupplier stop, Progress progress);

        /** How long it takes, in units of what a piece takes. */
        default int weight() {
            return 1;
        }
    }

    /** The whole network, which takes as long as all its pieces. */
    private record WholeMove(TuningRun run, Subgraph whole, Partition partition, int weight) implements Move {
        @Override
        public boolean take(BooleanSupplier stop, Progress progress) {
            return run.tuneWhole(whole, partition.bytesASample(), stop, progress);
        }
    }

    /** What is saved besides model and plan. */
    private record Saved(int done, List<Step> steps, Map<String, Integer> chosen) {}

    /**
     * @param model  canonical float model the plan belongs to
     * @param batch  samples run at once
     * @param folder for activations, as large as those of a few blocks of all samples, and for the state of a stopped training
     */
    public TuningRun(
            Graph model,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Path folder) {
        this(model, model, plan, calibration, settings, batch, provider, folder);
    }

    private TuningRun(
            Graph reference,
            Graph given,
            QuantizationPlan plan,
            Samples calibration,
            TuneSettings settings,
            int batch,
            Provider provider,
            Path folder) {
        var compared = ComparedOutputs.of(reference);
        // Of a network of logits those that are judged alone count: other outputs may be caches or classes.
        var aims = settings.logits() ? compared.lookedAt(settings.output()) : compared;
        this.given = given;
        model = aims.alone(reference);
        start = new State(given == reference ? model : aims.alone(given), plan);
        this.samples = calibration;
        this.settings = settings;
        this.batch = batch;
        this.provider = provider;
        this.folder = folder;
        split = Split.of(Math.min(settings.samples(), calibration.size()));
        closeness = new HeldOutError(model, calibration, split, false, batch, provider);
        heldOut = new HeldOutError(model, calibration, split, settings.logits(), batch, provider);
        state = start;
        if (settings.bias()) {
            moves.add(this::correctBiases);
        }
        partition = new Partition(model, start.plan(), calibration, provider);
        parts = partition.of(settings);
        training = settings.training()
                .withBatch(calibration.batchSize(settings.training().batch()));
        for (int i = 0; i < parts.size(); i++) {
            var part = parts.get(i);
            String method = settings.layers().name().toLowerCase(Locale.ROOT);
            String where = (i + 1) + " of " + parts.size() + ", " + part.name();
            if (settings.rounding() == TuneSettings.Rounding.COMPENSATED) {
                moves.add((stop, progress) -> round(part, progress));
            }
            var opaque = NonDifferentiable.in(part, model, start.plan());
            moves.add((stop, progress) -> {
                arrive(part);
                opaque.ifPresent(node -> leaveUntrained(part, node));
                var trainables = opaque.isPresent() ? Trainables.NOTHING : settings.trainables();
                var how = within(part, trainables, training);
                return tune(method, part, trainables, how, stop, progress.of(method + " " + where, part.name()));
            });
        }
        if (settings.whole() != TuneSettings.Whole.OFF) {
            partition.whole().stream()
                    .filter(whole ->
                            NonDifferentiable.in(whole, model, start.plan()).isEmpty())
                    .forEach(whole -> moves.add(new WholeMove(this, whole, partition, Math.max(1, parts.size()))));
        }
        if (settings.normalization()) {
            moves.add(this::normalize);
        }
        if (!parts.isEmpty() || settings.whole() != TuneSettings.Whole.OFF || settings.normalization()) {
            moves.add(this::judgeTheWhole);
        }
    }

    /**
     * A run that goes on from what {@link RoundedCandidates} left for its plan: weights are rounded and biases corrected already,
     * so it does neither again.
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
        return new TuningRun(model, rounded, plan, calibration, settings.afterRounding(), batch, provider, folder);
    }

    /**
     * Gives this run a time to end in: how many steps a piece takes then follows from how long a step of it takes, whatever the
     * settings say. A run that is restored keeps to the numbers chosen before.
     *
     * @param seconds of all slices of the run together
     * @param used    of these, by what came before
     */
    public TuningRun within(double seconds, double used) {
        budget = new TimeBudget(seconds, used, System::nanoTime);
        return this;
    }

    private Training within(Subgraph part, Trainables trainables, Training usual) {
        int place = parts.indexOf(part);
        int left = parts.size() - Math.max(0, place) + (settings.whole() == TuneSettings.Whole.OFF ? 0 : 1);
        return usual.withSteps(budget.steps(
                place + " " + part.name(),
                place < 0 ? 1 : left,
                usual.steps(),
                () -> tuning.secondsAStep(part, state, behind(part), trainables, usual)));
    }

    /**
     * Goes on until all is done or {@code stop} says so, which is asked between training steps.
     *
     * @return whether all is done
     */
    public boolean advance(BooleanSupplier stop, Progress progress) {
        var timed = new TimeLeft(progress, System::nanoTime);
        double all = weight(moves);
        while (done < moves.size()) {
            if (!moves.get(done)
                    .take(
                            stop,
                            timed.part(
                                    weight(moves.subList(0, done)) / all, weight(moves.subList(0, done + 1)) / all))) {
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

    private boolean round(Subgraph part, Progress progress) {
        arrive(part);
        double before = tuning.error(part, state);
        var rounded = tuning.round(part, state, progress);
        double after = tuning.error(part, rounded);
        keep(new Step("compensated rounding", part.name(), before, after, after < before, List.of()), rounded);
        return true;
    }

    /** Keeps a change of the whole model when held-out samples agree. */
    private void keepIfBetter(String method, State next, Progress progress) {
        double before = closeness.error(state, progress.part(0, 0.5));
        double after = next.equals(state) ? before : closeness.error(next, progress.part(0.5, 1));
        keep(new Step(method, "", before, after, after < before, List.of()), next);
    }

    private boolean correctBiases(BooleanSupplier stop, Progress progress) {
        var corrected = BiasCorrection.apply(
                model, state.model(), state.plan(), samples, 0, split.train(), batch, provider, progress.part(0, 0.6));
        keepIfBetter("bias correction", new State(corrected, state.plan()), progress.part(0.6, 1));
        return true;
    }

    /** A part that cannot learn is passed as it is, and the report says why. */
    private void leaveUntrained(Subgraph part, Node opaque) {
        double error = tuning.error(part, state);
        steps.add(new Step("not trained: no gradient of " + opaque.op(), part.name(), error, error, false, List.of()));
    }

    private void keep(Step step, State next) {
        steps.add(step);
        state = step.kept() ? next : state;
    }

    private boolean tune(
            String method,
            Subgraph part,
            Trainables trainables,
            Training how,
            BooleanSupplier stop,
            Progress progress) {
        var tuned = tuning.tune(part, state, behind(part), trainables, how, folder.resolve(TRAINING), stop, progress);
        tuned.filter(trained -> !trained.curve().isEmpty()).ifPresent(trained -> {
            double before = trained.curve().getFirst().score();
            double after = trained.curve().stream()
                    .mapToDouble(point -> point.score())
                    .min()
                    .orElseThrow();
            keep(new Step(method, part.name(), before, after, after < before, trained.curve()), trained.state());
        });
        return tuned.isPresent();
    }

    /**
     * Pieces are close by now: smaller steps are left to take.
     *
     * @param bytes of activations for one sample; as many samples make a batch as have room
     */
    private boolean tuneWhole(Subgraph whole, long bytes, BooleanSupplier stop, Progress progress) {
        if (tuning != null) {
            tuning.close();
        }
        tuning = new BlockTuning(model, samples, split, partition.axes(), true, provider, folder);
        var fitting = training.withBatch(
                samples.batchSize((int) Math.clamp(WHOLE_BYTES / Math.max(1, bytes), 1, training.batch())));
        var closer = settings.logits()
                ? fitting.withLoss(Training.Distance.KL).withRates(LOGITS_RATE)
                : fitting.withRates(WHOLE_RATE);
        var how = within(whole, settings.wholeTrainables(), closer);
        return tune("whole", whole, settings.wholeTrainables(), how, stop, progress.of("whole network", ""));
    }

    private boolean normalize(BooleanSupplier stop, Progress progress) {
        var next = NormalizationTuning.apply(state, model, samples, split, batch, provider, progress.part(0, 0.6));
        keepIfBetter("normalization", next, progress.part(0.6, 1));
        return true;
    }

    private Optional<Subgraph> behind(Subgraph part) {
        boolean looks = settings.training().ahead() > 0 && settings.layers() == TuneSettings.Method.RECONSTRUCT;
        return looks && parts.contains(part)
                ? AcrossBlock.behind(parts, parts.indexOf(part), model)
                        .filter(rest -> NonDifferentiable.behind(rest, model).isEmpty())
                : Optional.empty();
    }

    /** Blocks follow on each other; layers are taken wherever they are. */
    private void arrive(Subgraph part) {
        boolean single =
                settings.layers() == TuneSettings.Method.ADAQUANT || settings.layers() == TuneSettings.Method.ADAROUND;
        if (tuning == null) {
            tuning = new BlockTuning(model, samples, split, partition.axes(), settings.sequential(), provider, folder);
            if (!single) {
                parts.stream().takeWhile(earlier -> earlier != part).forEach(earlier -> tuning.pass(earlier, state));
            }
        }
        if (single && arrived != part) {
            tuning.enter(part, state);
        }
        arrived = part;
    }

    /** All parts together are kept only if the whole model gained: parts may each gain and disagree. */
    private boolean judgeTheWhole(BooleanSupplier stop, Progress progress) {
        double before = heldOut.error(start, progress.part(0, 0.5));
        double after = heldOut.error(state, progress.part(0.5, 1));
        if (after >= before) {
            state = start;
        }
        steps.add(new Step("all", "", before, after, after < before, List.of()));
        return true;
    }

    /** What came of it so far, with all outputs of the model. */
    public Tuner.Result result() {
        return new Tuner.Result(
                state.model() == start.model() ? given : withOutputs(state.model()), state.plan(), List.copyOf(steps));
    }

    private Graph withOutputs(Graph tuned) {
        var whole = tuned.copy();
        whole.outputs().clear();
        whole.outputs().addAll(given.outputs());
        return whole;
    }

    /** Writes everything a later run needs to go on, as files of {@code target}. */
    public void save(Path target) throws IOException {
        ModelFile.write(state.model(), target.resolve(MODEL));
        state.plan().write(target.resolve(PLAN));
        JSON.writeValue(target.resolve(MOVES).toFile(), new Saved(done, steps, budget.chosen()));
        if (Files.exists(folder.resolve(TRAINING))) {
            Files.copy(folder.resolve(TRAINING), target.resolve(TRAINING), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Whether a run was saved there. */
    public static boolean isIn(Path folder) {
        return Files.exists(folder.resolve(MOVES));
    }

    /** Goes on from what a run with the same model, plan, data and settings saved. */
    public void restore(Path source) throws IOException {
        var saved = JSON.readValue(source.resolve(MOVES).toFile(), Saved.class);
        done = saved.done();
        budget.restore(saved.chosen());
        steps.clear();
        steps.addAll(saved.steps());
        state = new State(ModelFile.read(source.resolve(MODEL)), QuantizationPlan.read(source.resolve(PLAN)));
        if (Files.exists(source.resolve(TRAINING))) {
            Files.copy(source.resolve(TRAINING), folder.resolve(TRAINING), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    @Override
    public void close() throws IOException {
        if (tuning != null) {
            tuning.close();
        }
        Files.deleteIfExists(folder.resolve(TRAINING));
    }
}
