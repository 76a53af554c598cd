package dev.quantline.profiler;

import com.fasterxml.jackson.databind.JsonNode;
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
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.settings.Json;
import dev.quantline.quantize.workflow.DataSettings;
import dev.quantline.quantize.workflow.ProfileStep;
import dev.quantline.quantize.workflow.Resources;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** Profiles ranges of the calibration samples, each of them an item; the first also writes the canonical model. */
final class ProfileStage implements Stage {
    private static final String MODEL = "model.onnx";
    private static final String PROFILE = "profile.json";
    /** The phase in which profiles of ranges become one. */
    private static final int MERGING = 1;

    private final Provider provider;

    ProfileStage(Provider provider) {
        this.provider = provider;
    }

    private record Settings(DataSettings data, List<String> exclude, boolean equalize, boolean padding) {}

    @Override
    public StageName name() {
        return StageName.PROFILE;
    }

    @Override
    public Map<String, Source> inputs(JobRequest job, Earlier earlier) {
        return Map.of("model", new Source.Given(job.model()), "calibration", new Source.Given(job.calibration()));
    }

    @Override
    public Object settings(JobRequest job) {
        var calibrate = job.recipe().calibrate();
        return new Settings(job.settings().data(), job.recipe().exclude(), calibrate.equalize(), calibrate.padding());
    }

    @Override
    public List<Item> items(StageContext context) throws IOException {
        var model = ModelFile.read(context.file("model"));
        var items = ProfileStep.ranges(
                        model,
                        context.files("calibration"),
                        context.job().settings().data())
                .stream()
                .map(range -> Item.of("samples %d to %d".formatted(range.from(), range.to()), range))
                .collect(Collectors.toCollection(ArrayList::new));
        if (items.size() > 1) {
            items.add(Item.of("merging", MERGING, true));
        }
        return items;
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        return item.phase() == MERGING ? merged(context) : profiled(context, item);
    }

    private Outcome profiled(StageContext context, Item item) throws IOException {
        var range = Json.MAPPER.treeToValue(item.settings(), ProfileStep.Range.class);
        context.progress().report(0, "reading the model");
        var files = new TreeMap<String, Path>();
        var result = ProfileStep.run(
                ModelFile.read(context.file("model")),
                context.files("calibration"),
                range,
                context.job().settings(),
                provider,
                context.progress(),
                model -> {
                    if (range.from() == 0) {
                        files.putAll(context.writeEarly(model, MODEL));
                    }
                });
        files.put(PROFILE, write(result.profile(), context));
        return new Outcome.Done(files, summary(result.profile(), result.unused()));
    }

    private static Outcome merged(StageContext context) throws IOException {
        var parts = context.finished();
        var profiles = new ArrayList<Profile>();
        for (var part : parts) {
            profiles.add(Profile.read(part.folder().resolve(PROFILE)));
        }
        var merged = Profile.merge(profiles);
        var files = new TreeMap<>(parts.getFirst().files());
        files.put(PROFILE, write(merged, context));
        var unused = parts.getFirst()
                .summary()
                .path(StageContext.UNUSED)
                .valueStream()
                .map(JsonNode::asText)
                .toList();
        return new Outcome.Done(files, summary(merged, unused));
    }

    private static Path write(Profile profile, StageContext context) throws IOException {
        var file = context.work().resolve(PROFILE);
        profile.write(file);
        return file;
    }

    private static JsonNode summary(Profile profile, List<String> unused) {
        var summary = Json.MAPPER
                .createObjectNode()
                .put("samples", profile.samples())
                .put(StageContext.BATCH, Resources.batch(profile));
        return unused.isEmpty() ? summary : summary.set(StageContext.UNUSED, Json.tree(unused));
    }
}
