package dev.quantline.quantize.workflow;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Order;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.settings.Rounding;
import dev.quantline.quantize.settings.TuningMethod;
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
import java.util.stream.IntStream;

/**
 * Tuning in the order {@link Order#ROUNDED}, which machines can share: each piece is rounded, then trained, for itself, the latter in
 * several sweeps over all of them, so that what the others became reaches it, then the pieces come together and the whole is judged.
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

    /** All parts, one after the other. */
    static Slice.Done run(
            TuneStep.Input input, QuantizationSettings settings, Resources resources, Path folder, Progress progress)
            throws IOException {
        check(settings.recipe());
        var planning = Files.createDirectory(folder.resolve("planning"));
        var phases = new SharedTuning(new TuneStep(input, settings, resources, planning, Optional.empty(), () -> 0))
                .phases();
        int count = phases.stream().mapToInt(List::size).sum();
        var left = new ArrayList<Path>();
        Slice.Done last = null;
        for (var phase : phases) {
            var before = List.copyOf(left);
            for (var part : phase) {
                int number = left.size();
                var share = progress.part((double) number / count, (number + 1.0) / count);
                last = TuneStep.run(
                        input,
                        settings,
                        resources,
                        Files.createDirectory(folder.resolve("part-" + number)),
                        step -> new SharedTuning(step).run(part, before, () -> false, share));
                left.add(TuneStep.gathered(folder.resolve("left-" + number), last.files()));
            }
        }
        return last;
    }

    /** What a part does. */
    private enum Kind {
        PREPARE,
        ROUND,
        TRAIN,
        JUDGE
    }

    /**
     * A part of tuning.
     *
     * @param name  for people
     * @param piece that it is about, from 0; 0 for one that is about the whole network
     */
    public record Part(Kind kind, String name, int piece) {}

    /**
     * The parts of all phases. Those of a phase know nothing of each other, and need what all phases before left. The last phase has one
     * part, which leaves the result.
     */
    public List<List<Part>> phases() throws IOException {
        check(step.settings().recipe());
        var phases = new ArrayList<List<Part>>();
        during(TuningPhase.all(), Optional.empty(), (run, given) -> {
            var tune = step.settings().recipe().tune();
            if (tune.bias() || step.lacksText(given.model(), given.samples())) {
                phases.add(List.of(new Part(Kind.PREPARE, "preparing", 0)));
            }
            if (tune.rounding() == Rounding.COMPENSATED) {
                phases.add(parts(Kind.ROUND, run.pieces(), "rounding %s"));
            }
            int sweeps = tune.layers() == TuningMethod.OFF ? 0 : tune.sweeps();
            for (int sweep = 1; sweep <= sweeps; sweep++) {
                phases.add(parts(Kind.TRAIN, run.pieces(), "%s, sweep " + sweep));
            }
            phases.add(List.of(new Part(Kind.JUDGE, "judging the whole", 0)));
            return new Slice.Paused(Map.of());
        });
        return List.copyOf(phases);
    }

    private static List<Part> parts(Kind kind, List<String> pieces, String name) {
        return IntStream.range(0, pieces.size())
                .mapToObj(piece -> new Part(kind, name.formatted(pieces.get(piece)), piece))
                .toList();
    }

    /**
     * Does one part.
     *
     * @param finished folders with what the parts of the phases before left, in the order of phases and parts
     */
    public Slice run(Part part, List<Path> finished, BooleanSupplier stop, Progress progress) throws IOException {
        progress.report(0, "reading the model");
        var prepared = finished.stream().filter(TuningRun::isIn).findFirst();
        var pieces = finished.subList(prepared.isPresent() ? 1 : 0, finished.size());
        var phase = switch (part.kind()) {
            case PREPARE -> new TuningPhase.Preparing();
            case ROUND -> new TuningPhase.Rounding(part.piece());
            case TRAIN -> new TuningPhase.Training(part.piece(), pieces);
            case JUDGE -> new TuningPhase.Judging(pieces);
        };
        return during(phase, prepared, (run, given) -> {
            if (part.kind() == Kind.PREPARE
                    && written(prepared).isEmpty()
                    && step.lacksText(given.model(), given.samples())) {
                return step.write(given.model(), given.samples(), given.start(), progress.part(0, TuneStep.WRITING));
            }
            return run.advance(stop, progress) ? done(part, run, given) : paused(run);
        });
    }

    private Slice done(Part part, TuningRun run, Given given) throws IOException {
        return switch (part.kind()) {
            case PREPARE -> new Slice.Done(saved(run), List.of());
            case ROUND, TRAIN ->
                new Slice.Done(
                        TuneStep.named(
                                run.savePiece(Files.createDirectory(step.work().resolve("piece")))),
                        List.of());
            case JUDGE -> step.done(run.result(), Optional.empty(), given.start(), given.model(), given.plan());
        };
    }

    /** What a run works on. */
    private record Given(FineTunePhase.Start start, Graph model, QuantizationPlan plan, Samples samples) {}

    private interface Work {
        Slice with(TuningRun run, Given given) throws IOException;
    }

    private Slice during(TuningPhase phase, Optional<Path> prepared, Work work) throws IOException {
        var start = FineTunePhase.start(step).orElseThrow();
        var model = ModelFile.read(start.model().getFirst());
        var plan = QuantizationPlan.read(start.plan());
        var scratch = Files.createDirectory(step.work().resolve("activations"));
        var resources = step.resources();
        try (var samples = step.samples(model, written(prepared));
                var run = new TuningRun(
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
            } else if (prepared.isPresent()) {
                run.begin(prepared.get());
            }
            return work.with(run, new Given(start, model, plan, samples));
        }
    }

    /** The samples that the model itself wrote, if it did. */
    private Optional<Path> written(Optional<Path> prepared) {
        return step.carried(TuneStep.WRITTEN)
                .or(() ->
                        prepared.map(folder -> folder.resolve(TuneStep.WRITTEN)).filter(Files::exists));
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
