package dev.quantline.calibrator;

import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.calibrate.CalibrationPart;
import dev.quantline.quantize.calibrate.Calibrator;
import dev.quantline.quantize.calibrate.ChannelMoves;
import dev.quantline.quantize.plan.CalibrationTable;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.settings.Recipe;
import dev.quantline.quantize.workflow.CalibrateStep;
import dev.quantline.quantize.workflow.DataSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Rewrites the model where that helps, and chooses the quantizers. */
final class CalibrateStage implements Stage {
    private static final String MODEL = "model.onnx";
    private static final String MOVES = "moves.json";
    private static final String TABLE = "calibration.json";
    /** Of items that concern the whole model. */
    private static final CalibrationPart NOTHING = new CalibrationPart(Set.of(), Set.of());

    private final Provider provider;
    private final long worth;

    CalibrateStage(Provider provider) {
        this(provider, CalibrationPart.WORTH);
    }

    /** @param worth as {@link Calibrator#parts} takes it */
    CalibrateStage(Provider provider, long worth) {
        this.provider = provider;
        this.worth = worth;
    }

    /** As the recipe states them: what core makes of them does not tell in JSON which case of a criterion it is. */
    private record Settings(
            DataSettings data,
            Recipe.Calibrate calibrate,
            int weightBits,
            int activationBits,
            List<Integer> candidates,
            List<String> exclude,
            int pairLimit) {}

    @Override
    public StageName name() {
        return StageName.CALIBRATE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of(
                "model",
                earlier.file(StageName.PROFILE, MODEL),
                "profile",
                earlier.file(StageName.PROFILE, "profile.json"),
                "calibration",
                earlier.input(StageName.PROFILE, "calibration"));
    }

    @Override
    public Object settings(JobRequest job) {
        var recipe = job.recipe();
        var settings = job.settings();
        return new Settings(
                settings.data(),
                recipe.calibrate(),
                recipe.weightBits(),
                recipe.activationBits(),
                recipe.candidates(),
                recipe.exclude(),
                settings.pairLimit());
    }

    /** What an item does. */
    private enum Task {
        ALL,
        MOVE,
        CHOOSE,
        JOIN
    }

    /** @param writes whether it also leaves the rewritten model, which one item does for all */
    private record Share(Task task, CalibrationPart part, boolean writes) {}

    /** One item, or where the search is long: moving channels part by part, choosing quantizers part by part, putting them together. */
    @Override
    public List<Item> items(StageContext context) throws IOException {
        return CalibrateStep.tries(context.job().settings())
                ? step(context).with(calibrator -> items(calibrator.parts(worth), calibrator.moves()))
                : items(List.of(NOTHING), false);
    }

    private List<Item> items(List<CalibrationPart> parts, boolean moves) {
        if (parts.size() == 1) {
            return List.of(Item.of(name().verb(), new Share(Task.ALL, NOTHING, true)));
        }
        var items = new ArrayList<Item>();
        int phase = 0;
        if (moves) {
            items.addAll(items("moving channels", phase++, Task.MOVE, parts));
        }
        items.addAll(items("ranges and scales", phase++, Task.CHOOSE, parts));
        items.add(Item.of("putting together", phase, new Share(Task.JOIN, NOTHING, false)));
        return List.copyOf(items);
    }

    private static List<Item> items(String what, int phase, Task task, List<CalibrationPart> parts) {
        return IntStream.range(0, parts.size())
                .mapToObj(i -> Item.of(
                        what + ", part %d of %d".formatted(i + 1, parts.size()),
                        phase,
                        new Share(task, parts.get(i), task == Task.CHOOSE && i == 0)))
                .toList();
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var share = Json.MAPPER.treeToValue(item.settings(), Share.class);
        var step = step(context);
        var part = share.part();
        return switch (share.task()) {
            case ALL -> {
                var files = new TreeMap<String, Path>();
                // The model is large and final long before the plan.
                var result = step.with(calibrator -> calibrator.calibrate(
                        context.progress(), graph -> files.putAll(context.writeEarly(graph, MODEL))));
                yield done(result, files, context);
            }
            case MOVE -> {
                var file = context.work().resolve(MOVES);
                step.with(calibrator -> calibrator.move(part, context.progress()))
                        .write(file);
                yield new Outcome.Done(Map.of(MOVES, file), Json.MAPPER.createObjectNode());
            }
            case CHOOSE -> chosen(context, share, step);
            case JOIN -> joined(context, step);
        };
    }

    private static Outcome chosen(StageContext context, Share share, CalibrateStep step) throws IOException {
        var files = new TreeMap<>(Map.of(TABLE, context.work().resolve(TABLE)));
        var moves = moves(context);
        step.with(calibrator -> calibrator.choose(share.part(), moves, context.progress(), graph -> {
                    if (share.writes()) {
                        files.putAll(context.writeEarly(graph, MODEL));
                    }
                }))
                .write(files.get(TABLE));
        return new Outcome.Done(files, Json.MAPPER.createObjectNode());
    }

    private static Outcome joined(StageContext context, CalibrateStep step) throws IOException {
        var tables = new ArrayList<CalibrationTable>();
        for (var file : context.left(TABLE)) {
            tables.add(CalibrationTable.read(file));
        }
        var moves = moves(context);
        var model = new TreeMap<String, Path>();
        for (var finished : context.finished()) {
            if (finished.files().containsKey(MODEL)) {
                model.putAll(finished.files());
            }
        }
        return done(step.with(calibrator -> calibrator.join(moves, tables)), model, context);
    }

    private CalibrateStep step(StageContext context) throws IOException {
        return new CalibrateStep(
                ModelFile.read(context.file("model")),
                Profile.read(context.file("profile")),
                context.files("calibration"),
                context.job().settings(),
                context.resources(provider));
    }

    private static ChannelMoves moves(StageContext context) throws IOException {
        var parts = new ArrayList<ChannelMoves>();
        for (var file : context.left(MOVES)) {
            parts.add(ChannelMoves.read(file));
        }
        return ChannelMoves.join(parts);
    }

    private static Outcome done(Calibrator.Result result, Map<String, Path> model, StageContext context)
            throws IOException {
        var files = new TreeMap<>(model);
        files.put("plan.json", context.work().resolve("plan.json"));
        result.plan().write(files.get("plan.json"));
        files.put(TABLE, context.work().resolve(TABLE));
        result.table().write(files.get(TABLE));
        var summary = Json.MAPPER
                .createObjectNode()
                .put("activations", result.plan().activations().size())
                .put("weights", result.plan().weights().size());
        return new Outcome.Done(files, summary);
    }
}
