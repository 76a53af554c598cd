package dev.quantline.quantize.tune;

import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.TuningMethod;
import dev.quantline.quantize.tune.Tuner.Step;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** The moves of a {@link TuningRun} that work on one subgraph of the model at a time, and finally on the whole model. */
final class SubgraphMoves implements AutoCloseable {
    /** Bytes of activations in a batch for the whole model; training takes two to three times as much. */
    private static final long WHOLE_BYTES = 1L << 30;

    private final TuningTask task;
    private final Graph model;
    private final TuneSettings settings;
    private final JudgedState judged;
    private final boolean sequential;
    private final Partition partition;
    private final List<Subgraph> subgraphs;
    private final Training training;
    private final Path checkpoint;
    private BlockTuning tuning;
    /** The subgraph whose inputs {@link #tuning} has. */
    private Subgraph arrived;

    private TimeBudget budget = TimeBudget.NONE;
    /** Of the subgraph that was rounded or trained last. */
    private Tuned changes = new Tuned();

    /**
     * @param sequential whether subgraphs get their inputs from the quantized network
     * @param checkpoint file for the state of a stopped training
     */
    SubgraphMoves(TuningTask task, JudgedState judged, boolean sequential, Path checkpoint) {
        this.task = task;
        this.judged = judged;
        this.sequential = sequential;
        this.checkpoint = checkpoint;
        model = task.model();
        settings = task.settings();
        partition = new Partition(model, task.start().plan(), task.samples(), task.provider());
        subgraphs = partition.of(settings);
        training = settings.tune()
                .training()
                .withBatch(task.samples().batchSize(settings.tune().training().batch()));
    }

    /** The subgraphs that are tuned one after the other. */
    List<Subgraph> subgraphs() {
        return subgraphs;
    }

    /** The whole model, if it can be trained at once. */
    Optional<Subgraph> whole() {
        return partition.whole().stream()
                .filter(whole ->
                        NonDifferentiable.in(whole, model, task.start().plan()).isEmpty())
                .findFirst();
    }

    void within(TimeBudget time) {
        budget = time;
    }

    TimeBudget budget() {
        return budget;
    }

    private Training within(Subgraph subgraph, Trainables trainables, Training usual) {
        int place = subgraphs.indexOf(subgraph);
        int left = subgraphs.size() - Math.max(0, place) + (settings.trainsWhole() ? 1 : 0);
        return usual.withSteps(budget.steps(
                place + " " + subgraph.name(),
                place < 0 ? 1 : left,
                usual.steps(),
                () -> tuning.secondsAStep(subgraph, judged.state(), behind(subgraph), trainables, usual)));
    }

    /** Rounds the weights of a subgraph so that they compensate for each other's errors. */
    void round(Subgraph subgraph, Progress progress) {
        arrive(subgraph);
        double before = tuning.error(subgraph, judged.state());
        changes = tuning.round(subgraph, judged.state(), progress);
        var rounded = changes.applyTo(judged.state());
        double after = tuning.error(subgraph, rounded);
        judged.keep(
                new Step("compensated rounding", subgraph.name(), before, after, after < before, List.of()), rounded);
    }

    /** The names of {@link #subgraphs}. */
    List<String> names() {
        return subgraphs.stream().map(Subgraph::name).toList();
    }

    /**
     * Trains one of {@link #subgraphs}; false if it was stopped. A subgraph that cannot be trained is passed through as it is.
     *
     * @param share of the steps: one of so many
     */
    boolean train(Subgraph subgraph, Optional<Node> opaque, int share, BooleanSupplier stop, Progress progress) {
        arrive(subgraph);
        opaque.ifPresent(node -> leaveUntrained(subgraph, node));
        var trainables = opaque.isPresent() ? Trainables.NOTHING : settings.trainables();
        String method = settings.tune().layers().word();
        String where = (subgraphs.indexOf(subgraph) + 1) + " of " + subgraphs.size() + ", " + subgraph.name();
        var how = within(subgraph, trainables, training.withSteps(Math.max(1, training.steps() / share)));
        return tune(method, subgraph, trainables, how, stop, progress.of(method + " " + where, subgraph.name()));
    }

    /** Records for the report why a subgraph is not trained. */
    private void leaveUntrained(Subgraph subgraph, Node opaque) {
        double error = tuning.error(subgraph, judged.state());
        String method = "not trained: gradients cannot pass " + opaque.op();
        judged.keep(new Step(method, subgraph.name(), error, error, false, List.of()), judged.state());
    }

    private boolean tune(
            String method,
            Subgraph subgraph,
            Trainables trainables,
            Training how,
            BooleanSupplier stop,
            Progress progress) {
        var tuned =
                tuning.tune(subgraph, judged.state(), behind(subgraph), trainables, how, checkpoint, stop, progress);
        tuned.ifPresent(trained -> changes = trained.changes());
        tuned.filter(trained -> !trained.curve().isEmpty()).ifPresent(trained -> {
            double before = trained.curve().getFirst().score();
            double after = trained.curve().stream()
                    .mapToDouble(point -> point.score())
                    .min()
                    .orElseThrow();
            judged.keep(
                    new Step(method, subgraph.name(), before, after, after < before, trained.curve()), trained.state());
        });
        return tuned.isPresent();
    }

    /** What the last rounding or training changed, whether it was kept or not. */
    Tuned changes() {
        return changes;
    }

    /** Trains the whole model; false if it was stopped. The subgraphs are already close, so the steps are smaller. */
    boolean trainWhole(Subgraph whole, BooleanSupplier stop, Progress progress) {
        if (tuning != null) {
            tuning.close();
        }
        tuning = blockTuning(true);
        // A batch has as many samples as fit.
        long fit = Math.clamp(WHOLE_BYTES / Math.max(1, partition.bytesASample()), 1, training.batch());
        var fitting = training.withBatch(task.samples().batchSize((int) fit));
        var how = within(whole, settings.wholeTrainables(), settings.wholeTraining(fitting));
        return tune("whole", whole, settings.wholeTrainables(), how, stop, progress.of("whole network", ""));
    }

    private Optional<Subgraph> behind(Subgraph subgraph) {
        boolean looks =
                settings.tune().training().ahead() > 0 && settings.tune().layers() == TuningMethod.RECONSTRUCT;
        return looks && subgraphs.contains(subgraph)
                ? AcrossBlock.behind(subgraphs, subgraphs.indexOf(subgraph), model)
                        .filter(rest -> NonDifferentiable.behind(rest, model).isEmpty())
                : Optional.empty();
    }

    /** Blocks follow one another; layers may be anywhere. */
    private void arrive(Subgraph subgraph) {
        boolean single = single();
        if (tuning == null) {
            tuning = blockTuning(sequential);
            if (!single) {
                subgraphs.stream()
                        .takeWhile(earlier -> earlier != subgraph)
                        .forEach(earlier -> tuning.pass(earlier, judged.state()));
            }
        }
        if (single && arrived != subgraph) {
            tuning.enter(subgraph, judged.state());
        }
        arrived = subgraph;
    }

    private boolean single() {
        return settings.tune().layers() == TuningMethod.ADAQUANT
                || settings.tune().layers() == TuningMethod.ADAROUND;
    }

    private BlockTuning blockTuning(boolean sequential) {
        return new BlockTuning(
                model, task.samples(), task.split(), partition.axes(), sequential, task.provider(), task.folder());
    }

    @Override
    public void close() throws IOException {
        if (tuning != null) {
            tuning.close();
        }
        Files.deleteIfExists(checkpoint);
    }
}
