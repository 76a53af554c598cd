package dev.quantline.quantize.workflow;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Order;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.tune.TuningPhase;
import dev.quantline.quantize.tune.TuningRun;
import dev.quantline.quantize.workflow.TuneStep.Slice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Tuning in the order {@link Order#ROUNDED}, which machines can share: the weights are rounded, then each piece is trained for itself,
 * twice over ({@link TuningPhase#SWEEPS}), so that what the others became reaches it, then the pieces come together and the whole is
 * judged. Every method runs one slice, like {@link TuneStep#advance}.
 */
public final class SharedTuning {
    private final TuneStep step;

    public SharedTuning(TuneStep step) {
        this.step = step;
    }

    /** Whether a recipe asks for it. */
    public static boolean isAskedFor(QuantizationSettings settings) {
        return settings.recipe().tune().order() == Order.ROUNDED;
    }

    /** @throws BadInput when a recipe asks for it, and for something that it does not go with */
    public static void check(Recipe recipe) {
        if (recipe.tune().order() != Order.ROUNDED) {
            return;
        }
        refuse(recipe.tune().quanttune().isPresent(), "tune.quanttune (set it to false)");
        refuse(!recipe.otherWidths().isEmpty(), "several widths (allocate)");
        refuse(recipe.tune().minutes().isPresent(), "tune.minutes (set tune.training.steps instead)");
    }

    private static void refuse(boolean conflict, String with) {
        if (conflict) {
            throw new BadInput("tune.order 'rounded' does not go with " + with + "; 'sequential' does");
        }
    }

    /** All phases, one after the other. */
    static Slice.Done run(
            TuneStep.Input input, QuantizationSettings settings, Resources resources, Path folder, Progress progress)
            throws IOException {
        check(settings.recipe());
        var rounding = Files.createDirectories(folder.resolve("rounding"));
        var rounded = TuneStep.gathered(
                folder.resolve("rounded"),
                TuneStep.run(
                                input,
                                settings,
                                resources,
                                rounding,
                                step -> new SharedTuning(step).round(() -> false, progress.part(0, 0.2)))
                        .files());
        int count = new SharedTuning(new TuneStep(
                        input,
                        settings,
                        resources,
                        Files.createDirectory(folder.resolve("split")),
                        Optional.empty(),
                        () -> 0))
                .pieces()
                .size();
        var pieces = new ArrayList<Path>();
        int all = TuningPhase.SWEEPS * count;
        for (int number = 0; number < all; number++) {
            int piece = number % count;
            var before = List.copyOf(pieces.subList(0, number - piece));
            var part = progress.part(0.2 + 0.6 * number / all, 0.2 + 0.6 * (number + 1) / all);
            var training = Files.createDirectory(folder.resolve("training-" + number));
            var trained = TuneStep.run(
                    input,
                    settings,
                    resources,
                    training,
                    step -> new SharedTuning(step).train(piece, rounded, before, () -> false, part));
            pieces.add(TuneStep.gathered(folder.resolve("piece-" + number), trained.files()));
        }
        var judging = Files.createDirectory(folder.resolve("judging"));
        return TuneStep.run(
                input,
                settings,
                resources,
                judging,
                step -> new SharedTuning(step).judge(rounded, pieces, () -> false, progress.part(0.8, 1)));
    }

    /** The names of the pieces. */
    public List<String> pieces() throws IOException {
        check(step.settings().recipe());
        var names = new ArrayList<String>();
        during(TuningPhase.all(), Optional.empty(), Progress.none(), (run, _) -> {
            names.addAll(run.pieces());
            return new Slice.Paused(Map.of());
        });
        return List.copyOf(names);
    }

    /** Rounds. The files of the result are what the other phases need. */
    public Slice round(BooleanSupplier stop, Progress progress) throws IOException {
        return during(
                new TuningPhase.Rounding(),
                Optional.empty(),
                progress,
                (run, _) -> run.advance(stop, progress) ? new Slice.Done(saved(run), List.of()) : paused(run));
    }

    /**
     * Trains a piece.
     *
     * @param rounded folder with the files that rounding left
     * @param before  folders with what training left in the sweeps before, in the order of sweeps and pieces
     */
    public Slice train(int piece, Path rounded, List<Path> before, BooleanSupplier stop, Progress progress)
            throws IOException {
        return during(
                new TuningPhase.Piece(piece, before),
                Optional.of(rounded),
                progress,
                (run, _) -> run.advance(stop, progress)
                        ? new Slice.Done(
                                TuneStep.named(run.savePiece(
                                        Files.createDirectory(step.work().resolve("piece")))),
                                List.of())
                        : paused(run));
    }

    /** Judges the whole. @param pieces folders with what training left, in the order of sweeps and pieces */
    public Slice judge(Path rounded, List<Path> pieces, BooleanSupplier stop, Progress progress) throws IOException {
        return during(
                new TuningPhase.Judging(pieces),
                Optional.of(rounded),
                progress,
                (run, start) -> run.advance(stop, progress)
                        ? step.done(run.result(), Optional.empty(), start.start(), start.model(), start.plan())
                        : paused(run));
    }

    /** What a run works on. */
    private record Given(FineTunePhase.Start start, Graph model, QuantizationPlan plan) {}

    private interface Work {
        Slice with(TuningRun run, Given given) throws IOException;
    }

    private Slice during(TuningPhase phase, Optional<Path> rounded, Progress progress, Work work) throws IOException {
        progress.report(0, "reading the model");
        var start = FineTunePhase.start(step).orElseThrow();
        var model = ModelFile.read(start.model().getFirst());
        var plan = QuantizationPlan.read(start.plan());
        var scratch = Files.createDirectory(step.work().resolve("activations"));
        try (var samples = step.samples(model, written(rounded))) {
            if (phase instanceof TuningPhase.Rounding && written(rounded).isEmpty() && step.lacksText(model, samples)) {
                return step.write(model, samples, start, progress.part(0, TuneStep.WRITING));
            }
            var resources = step.resources();
            try (var run = new TuningRun(
                    phase,
                    model,
                    plan,
                    samples,
                    step.settings().tuning(),
                    resources.batch(),
                    resources.provider(),
                    scratch)) {
                var saved = step.checkpoint().filter(TuningRun::isIn);
                if (saved.isPresent()) {
                    run.restore(saved.get());
                } else if (rounded.isPresent()) {
                    run.begin(rounded.get());
                }
                return work.with(run, new Given(start, model, plan));
            }
        }
    }

    /** The samples that the model itself wrote, if it did. */
    private Optional<Path> written(Optional<Path> rounded) {
        return step.carried(TuneStep.WRITTEN)
                .or(() ->
                        rounded.map(folder -> folder.resolve(TuneStep.WRITTEN)).filter(Files::exists));
    }

    private Slice paused(TuningRun run) throws IOException {
        return new Slice.Paused(saved(run));
    }

    private Map<String, Path> saved(TuningRun run) throws IOException {
        var folder = Files.createDirectory(step.work().resolve("checkpoint"));
        run.save(folder);
        var written = step.carried(TuneStep.WRITTEN);
        if (written.isPresent()) {
            Files.copy(written.get(), folder.resolve(TuneStep.WRITTEN));
        }
        try (var files = Files.list(folder)) {
            return TuneStep.named(files.toList());
        }
    }
}
