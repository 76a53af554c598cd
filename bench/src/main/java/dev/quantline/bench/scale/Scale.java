package dev.quantline.bench.scale;

import com.fasterxml.jackson.databind.JsonNode;
import dev.quantline.bench.chaos.Cluster;
import dev.quantline.bench.chaos.Ledger;
import dev.quantline.bench.chaos.Packaged;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Runs a job on the four services, one process each, and replays the seconds of its items on 1 to 256 replicas. Arguments: the model, its
 * calibration data, a recipe (the name of a preset, or a file with an object), and optionally a file as for {@code --normalize}.
 */
public final class Scale {
    private static final List<Integer> REPLICAS = List.of(1, 2, 3, 4, 8, 16, 32, 64, 128, 256);
    private static final double MILLIS = 1000;
    /** Below this share of a job, a part of the critical path is not worth a line. */
    private static final double WORTH = .02;

    private Scale() {}

    public static void main(String... arguments) throws Exception {
        var folder = Files.createTempDirectory("scale");
        try (var cluster = Cluster.ofOneEach(Packaged.root(), folder);
                var ledger = new Ledger(cluster.bootstrapServers())) {
            var store = cluster.store();
            var job = GivenJob.of(arguments);
            job.warm(cluster, ledger, folder);
            long broker = bytes(folder.resolve("broker"));
            job.run(cluster, ledger);
            print(new Replay(Stream.of(StageName.values())
                    .map(stage -> stage(store, stage))
                    .toList()));
            long objects = store.list(Keys.JOBS + GivenJob.ID + "/").stream()
                    .mapToLong(key -> store.read(key).orElseThrow().length)
                    .sum();
            System.out.printf(
                    "broker: %.2f MB; store: %.1f MB in %d objects%n",
                    (bytes(folder.resolve("broker")) - broker) / 1e6,
                    objects / 1e6,
                    store.list(Keys.JOBS + GivenJob.ID + "/").size());
        }
    }

    private static void print(Replay replay) {
        System.out.println("| stage | items | planning, s | items, s | longest item, s |\n|---|---|---|---|---|");
        for (var stage : replay.stages()) {
            System.out.printf(
                    "| %s | %d | %.1f | %.1f | %.1f |%n",
                    stage.name(),
                    stage.items().size(),
                    stage.planning(),
                    stage.items().stream().mapToDouble(Replay.Item::seconds).sum(),
                    stage.items().stream()
                            .mapToDouble(Replay.Item::seconds)
                            .max()
                            .orElseThrow());
        }
        System.out.println();
        var searching = replay.of(List.of(StageName.CALIBRATE.verb(), StageName.TUNE.verb()));
        REPLICAS.forEach(count -> System.out.printf(
                "replicas %d speed-up %.2f, of calibrating and tuning %.2f%n",
                count, replay.speedUp(count), searching.speedUp(count)));
        System.out.println("\ncritical path:");
        double all = replay.seconds(1);
        replay.stages().stream()
                .flatMap(stage -> stage.critical().stream())
                .filter(part -> part.seconds() > WORTH * all)
                .forEach(part -> System.out.printf("  %7.1f s  %s%n", part.seconds(), part.name()));
    }

    /** From the stage's order and its parts. */
    private static Replay.Stage stage(Store store, StageName stage) {
        var order = store.list(Keys.JOBS + GivenJob.ID + "/" + stage.verb() + "/").stream()
                .filter(key -> key.endsWith("/order.json"))
                .findFirst()
                .orElseThrow();
        var folder = order.substring(0, order.length() - "order.json".length());
        var planned = read(store, order);
        var names = planned.path("items");
        var items = IntStream.range(0, names.size())
                .mapToObj(i -> new Replay.Item(
                        names.get(i).path("name").asText(),
                        names.get(i).path("phase").asInt(),
                        spans(store, folder, i).mapToDouble(Scale::seconds).sum()))
                .toList();
        var start = planned.path("start");
        return new Replay.Stage(stage.verb(), seconds(start), items);
    }

    private static Stream<JsonNode> spans(Store store, String folder, int item) {
        return read(store, Keys.partManifest(Keys.part(folder, item)))
                .path("spans")
                .valueStream();
    }

    private static double seconds(JsonNode span) {
        return (span.path("toMillis").asLong() - span.path("fromMillis").asLong()) / MILLIS;
    }

    private static JsonNode read(Store store, String key) {
        try {
            return Json.MAPPER.readTree(store.read(key).orElseThrow());
        } catch (IOException e) {
            throw new UncheckedIOException(key, e);
        }
    }

    /** Of all logs of topics; those of the broker itself begin with an underscore. */
    private static long bytes(Path broker) throws IOException {
        try (var files = Files.walk(broker)) {
            return files.filter(file -> file.toString().endsWith(".log")
                            && !file.getParent().getFileName().toString().startsWith("_"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }
}
