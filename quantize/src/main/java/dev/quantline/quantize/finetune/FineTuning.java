package dev.quantline.quantize.finetune;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.gradient.loss.Loss;
import dev.quantline.gradient.train.Group;
import dev.quantline.gradient.train.HeldOut;
import dev.quantline.gradient.train.Optimizer;
import dev.quantline.gradient.train.Run;
import dev.quantline.gradient.train.Schedule;
import dev.quantline.gradient.train.Trainer;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.OpenResources;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * QuantTune (arXiv 2403.06497): trains a float network on its task plus a term that grows with the outliers of the activations
 * that will be quantized, so that their ranges become narrow. Only the weights change, not the graph; the network must be
 * calibrated afterwards. The loss is ours, see {@code docs/tuning.md}.
 *
 * <p>A run can stop after any step and resume from its saved state, giving the same bytes as an uninterrupted run.
 */
public final class FineTuning implements AutoCloseable {
    private static final int EVALUATIONS = 8;

    private final Graph model;
    private final Graph quantized;
    private final FineTuneSettings settings;
    private final Provider provider;
    private final TaskData data;
    private final TaskLoss task;
    private final OutlierStatistics statistics;
    private final Trainer trainer;
    private final HeldOut.Loss heldOut;
    private final int steps;
    private final Run run;
    private final OpenResources opened = new OpenResources();

    /**
     * @param model     canonical float network
     * @param quantized the same network as currently quantized; its loss determines the weight of the outlier term
     * @param training  samples, with labels or scores if the task needs them
     * @param exclude   names of nodes or tensors that stay float; globs are allowed
     * @throws dev.quantline.onnx.BadInput if the model or the data lack what the task needs
     */
    public FineTuning(
            Graph model,
            Graph quantized,
            Samples training,
            FineTuneSettings settings,
            List<String> exclude,
            Provider provider)
            throws IOException {
        this(model, quantized, new TaskData(training, settings, model, provider), settings, exclude, provider);
    }

    /** @param data closed together with this, even if construction fails */
    FineTuning(
            Graph model,
            Graph quantized,
            TaskData data,
            FineTuneSettings settings,
            List<String> exclude,
            Provider provider) {
        this.model = model;
        this.quantized = quantized;
        this.settings = settings;
        this.provider = provider;
        this.data = opened.add(data, TaskData::close);
        try {
            task = new TaskLoss(settings, data.power());
            var graph = model.copy();
            var terms = new ArrayList<>(List.of(Loss.Term.of(1, task.addTo(graph))));
            var observed = new ArrayList<OutlierActivations.Activation>();
            if (settings.quanttune().lambda() > 0) {
                var outliers = new OutlierActivations(graph, exclude);
                observed.addAll(outliers.all());
                terms.addAll(outliers.terms());
            }
            graph.sort();
            statistics = new OutlierStatistics(observed, settings.quanttune().k());
            var learned = TrainableConstants.of(model);
            var forTraining = TrainingGraph.of(
                    graph,
                    data.sizes(),
                    learned,
                    new Loss.Sum(terms),
                    observed.stream()
                            .map(OutlierActivations.Activation::observed)
                            .toList());
            // Without the outlier term a network is already a perfect copy of itself, and Adam would turn rounding
            // errors into steps.
            boolean still =
                    settings.task() == Task.DISTILL && settings.quanttune().lambda() == 0;
            steps = still
                    ? 0
                    : (int) Math.min(
                            settings.quanttune().steps(),
                            (long) settings.quanttune().epochs() * data.perEpoch());
            var groups = List.of(new Group(
                    learned,
                    Optimizer.adamW(
                            settings.quanttune().rate(), settings.quanttune().decay())));
            trainer = opened.add(
                    new Trainer(
                            forTraining,
                            model.initializers(),
                            new Trainer.Settings(
                                    groups,
                                    Schedule.cosine(steps),
                                    settings.quanttune().clip()),
                            List.of(),
                            statistics,
                            provider),
                    Trainer::close);
            heldOut = opened.add(judge(model, learned), HeldOut.Loss::close);
            run = new Run(trainer, data.training(), heldOut, steps, Math.max(1, steps / EVALUATIONS));
        } catch (RuntimeException e) {
            opened.close();
            throw e;
        }
    }

    private HeldOut.Loss judge(Graph network, List<String> learned) {
        var graph = network.copy();
        var loss = task.addTo(graph);
        graph.sort();
        return HeldOut.loss(
                TrainingGraph.forward(graph, data.sizes(), learned, loss, List.of()),
                data.judging(),
                data.heldOut(),
                provider);
    }

    /** The task's loss on held-out samples of any form of the network. */
    public double taskLoss(Graph network) {
        try (var judge = judge(network, List.of())) {
            return judge.score(Map.of());
        }
    }

    /**
     * Trains to the end or until {@code stop}, which is asked between steps, returns true.
     *
     * @return whether training has reached its end
     */
    public boolean advance(BooleanSupplier stop, Progress progress) {
        if (trainer.steps() == 0 && settings.quanttune().lambda() > 0) {
            weighOutliers();
        }
        return run.advance(stop, progress);
    }

    /** The outlier term starts at lambda times the loss of the quantized network. */
    private void weighOutliers() {
        var batch = data.training().batch(0);
        statistics.weigh(0);
        double taskAlone = trainer.gradients(batch);
        statistics.follow();
        statistics.weigh(1);
        double outliers = trainer.gradients(batch) - taskAlone;
        statistics.weigh(outliers > 0 ? settings.quanttune().lambda() * taskLoss(quantized) / outliers : 0);
    }

    /** The network with the trained weights; unchanged if the loss stopped being finite. */
    public Graph result() {
        var result = model.copy();
        if (!run.diverged()) {
            result.initializers().putAll(trainer.copies());
        }
        return result;
    }

    /** Training loss of the float network and held-out loss of its task, by step. */
    public List<Run.Point> curve() {
        return run.curve();
    }

    /** Total number of training steps. */
    public int steps() {
        return steps;
    }

    /** Writes a checkpoint. */
    public void save(Path file) throws IOException {
        run.save(file);
    }

    /** Resumes from the checkpoint of a run with the same networks, data and settings. */
    public void restore(Path file) throws IOException {
        run.restore(file);
    }

    @Override
    public void close() {
        opened.close();
    }
}
