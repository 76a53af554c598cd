package dev.quantline.profiler;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.onnx.ModelFile;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.BatchSize;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.job.JobRequest;
import dev.quantline.pipeline.stage.Earlier;
import dev.quantline.pipeline.stage.FinishedItem;
import dev.quantline.pipeline.stage.Item;
import dev.quantline.pipeline.stage.JobData;
import dev.quantline.pipeline.stage.Outcome;
import dev.quantline.pipeline.stage.Source;
import dev.quantline.pipeline.stage.Stage;
import dev.quantline.pipeline.stage.StageContext;
import dev.quantline.quantize.plan.Placement;
import dev.quantline.quantize.profile.Profile;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Profiles ranges of the calibration samples, each an item; the first also leaves the canonical model. */
final class ProfileStage implements Stage {
    private static final int SAMPLES_AN_ITEM = 256;
    private static final int BATCH = 16;
    private static final String MODEL = "model.onnx";
    private static final String PROFILE = "profile.json";

    private final Provider provider;

    ProfileStage(Provider provider) {
        this.provider = provider;
    }

    private record Shard(int from, int to) {}

    private record Settings(JobData.Settings data, List<String> exclude, boolean equalize, boolean padding) {}

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
        return new Settings(
                JobData.Settings.of(job), job.recipe().exclude(), calibrate.equalize(), calibrate.padding());
    }

    @Override
    public List<Item> items(StageContext context) throws IOException {
        try (var data = JobData.open(context, "calibration", ModelFile.read(context.file("model")))) {
            var items = new ArrayList<Item>();
            for (var from = 0; from < data.size(); from += SAMPLES_AN_ITEM) {
                var to = Math.min(data.size(), from + SAMPLES_AN_ITEM);
                items.add(Item.of("samples %d to %d".formatted(from, to), new Shard(from, to)));
            }
            return items;
        }
    }

    @Override
    public Outcome run(StageContext context, Item item) throws IOException {
        var shard = Json.MAPPER.treeToValue(item.settings(), Shard.class);
        context.progress().report(0, "reading the model");
        var original = ModelFile.read(context.file("model"));
        var recipe = context.job().recipe();
        var prepared = PreparedModel.of(original, recipe.calibrate().equalize());
        var model = prepared.graph();
        Placement.checkExcluded(recipe.exclude(), List.of(original, model));
        var files = new TreeMap<String, Path>();
        if (shard.from() == 0) {
            files.putAll(context.write(model, MODEL));
            files.values().forEach(context.handOver());
        }
        try (var data = JobData.open(context, "calibration", model)) {
            var samples = JobData.bind(data, model, context.job());
            var profile = Profiler.observe(
                    model,
                    samples,
                    shard.from(),
                    shard.to(),
                    BATCH,
                    recipe.exclude(),
                    recipe.calibrate().padding(),
                    provider,
                    context.progress());
            files.put(PROFILE, write(profile.withRewrites(prepared.rewrites()), context));
            return new Outcome.Done(files, summary(profile, samples.unused()));
        }
    }

    @Override
    public Outcome.Done merge(StageContext context, List<FinishedItem> parts) throws IOException {
        var profiles = new ArrayList<Profile>();
        for (var part : parts) {
            profiles.add(Profile.read(part.folder().resolve(PROFILE)));
        }
        var merged = Profile.merge(profiles);
        var files = new TreeMap<>(parts.getFirst().files());
        files.put(PROFILE, write(merged, context));
        var unused = parts.getFirst()
                .summary()
                .path(JobData.UNUSED)
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
                .put(JobData.BATCH, BatchSize.fitting(profile.bytesASample(), BATCH));
        return unused.isEmpty() ? summary : summary.set(JobData.UNUSED, Json.tree(unused));
    }
}
