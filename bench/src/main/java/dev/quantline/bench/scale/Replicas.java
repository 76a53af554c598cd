package dev.quantline.bench.scale;

import dev.quantline.bench.chaos.Cluster;
import dev.quantline.bench.chaos.Ledger;
import dev.quantline.bench.chaos.Packaged;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.quantize.settings.Hashes;
import java.nio.file.Files;
import java.util.Map;
import java.util.TreeMap;

/**
 * Runs a job on one and then on two replicas of the calibrator and of the tuner, each with one core, and prints how long the stages
 * took. The results must have the same bytes. Arguments as those of {@link Scale}. Needs two cores with nothing else to do.
 */
public final class Replicas {
    private Replicas() {}

    private record Run(Map<StageName, Double> seconds, String model) {
        double shared() {
            return seconds.get(StageName.CALIBRATE) + seconds.get(StageName.TUNE);
        }
    }

    public static void main(String... arguments) throws Exception {
        var job = GivenJob.of(arguments);
        System.out.println("| replicas | profile, s | calibrate, s | tune, s | export, s |\n|---|---|---|---|---|");
        var one = run(job, 1);
        var two = run(job, 2);
        System.out.printf(
                "%ncalibrating and tuning: %.2f times as fast on two replicas, %s bytes%n",
                one.shared() / two.shared(), one.model().equals(two.model()) ? "the same" : "OTHER");
        if (!one.model().equals(two.model())) {
            System.exit(1);
        }
    }

    private static Run run(GivenJob job, int replicas) throws Exception {
        var folder = Files.createTempDirectory("replicas");
        try (var cluster = Cluster.ofReplicas(Packaged.root(), folder, replicas);
                var ledger = new Ledger(cluster.bootstrapServers())) {
            job.run(cluster, ledger);
            var seconds = new TreeMap<StageName, Double>();
            for (var stage : StageName.values()) {
                seconds.put(
                        stage, ledger.seconds(GivenJob.ID, stage).orElseThrow().wall());
            }
            System.out.printf(
                    "| %d | %.1f | %.1f | %.1f | %.1f |%n",
                    replicas,
                    seconds.get(StageName.PROFILE),
                    seconds.get(StageName.CALIBRATE),
                    seconds.get(StageName.TUNE),
                    seconds.get(StageName.EXPORT));
            var model = cluster.store()
                    .read(Keys.delivered(GivenJob.ID, StageName.EXPORT.verb(), "model.onnx"))
                    .orElseThrow();
            return new Run(seconds, Hashes.of(model));
        }
    }
}
