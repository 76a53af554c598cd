package dev.quantline.bench.chaos;

import dev.quantline.bench.ProcessMemory;
import dev.quantline.bench.robustness.Mutants;
import dev.quantline.bench.robustness.Options;
import dev.quantline.pipeline.event.StageName;
import dev.quantline.quantize.settings.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Two questions about services that run for long. First, many small jobs one after the other: does their memory stay flat, and what do
 * events and storage cost? Then mutated models and archives, each followed by one of the same small jobs: does every mutant end with a
 * reason or a result, with all services alive, and the honest job with the same bytes in about the same time? Exits with 1 if not.
 * Arguments: {@code --jobs N}, {@code --mutants M}, {@code --batch B} mutants at the same time, {@code --seed S}.
 */
public final class Soak {
    /** Requests that differ, so that no result is found in the store. */
    private static final int KINDS = 40;

    private static final int EVERY = 50;
    private static final int PATIENCE_SECONDS = 300;
    /** jobs, profile.work, profile.work-done, profiled, and three for each of the other stages. */
    private static final int HOPS = 3 * StageName.values().length + 1;

    private final Cluster cluster;
    private final Ledger ledger;
    private final Map<Integer, String> models = new TreeMap<>();
    /** By kind of job, the seconds of those that ran undisturbed. */
    private final Map<Integer, List<Double>> times = new TreeMap<>();

    private final List<String> faults = new ArrayList<>();

    private Soak(Cluster cluster, Ledger ledger) {
        this.cluster = cluster;
        this.ledger = ledger;
    }

    public static void main(String... arguments) throws Exception {
        var options = new Options(List.of("--jobs", "--mutants", "--batch", "--seed"), arguments);
        var root = Packaged.root();
        var folder = Files.createTempDirectory("soak");
        try (var cluster = Cluster.ofShortLived(root, folder);
                var ledger = new Ledger(cluster.bootstrapServers())) {
            SmallJobs.storeInputs(cluster.store(), KINDS, folder);
            var soak = new Soak(cluster, ledger);
            soak.warmUp();
            soak.inARow(options.number("jobs", 300));
            soak.amongMutants(options.number("mutants", 200), options.number("batch", 1), options.number("seed", 1));
            soak.faults.forEach(System.out::println);
            System.out.println("logs and data: " + folder);
            if (soak.faults.isEmpty()) {
                return;
            }
        }
        System.exit(1);
    }

    /** Until every service has loaded its classes. */
    private void warmUp() throws Exception {
        for (int job = 0; job < SmallJobs.RECIPES.size(); job++) {
            honest("warm-" + job, job);
        }
    }

    private void inARow(int jobs) throws Exception {
        System.out.println("| jobs | resident, MB: " + String.join(", ", Cluster.SERVICES)
                + " (with their children) | seconds a job | events and store, ms a hop |");
        System.out.println("|---|---|---|---|");
        double seconds = 0;
        double hops = 0;
        int since = 0;
        for (int job = 0; job < jobs; job++) {
            var id = "row-" + job;
            double took = honest(id, job % KINDS);
            times.computeIfAbsent(job % KINDS, _ -> new ArrayList<>()).add(took);
            seconds += took;
            hops += between(id);
            since++;
            if ((job + 1) % EVERY == 0 || job + 1 == jobs) {
                System.out.printf(
                        "| %d | %s | %.2f | %.0f |%n",
                        job + 1, resident(), seconds / since, 1000 * hops / since / HOPS);
                seconds = 0;
                hops = 0;
                since = 0;
            }
        }
    }

    private void amongMutants(int mutants, int batch, long seed) throws Exception {
        if (mutants == 0) {
            return;
        }
        var pids = cluster.services().stream().map(Node::pid).toList();
        var ends = new TreeMap<String, Integer>();
        var ratios = new ArrayList<Double>();
        for (int from = 0; from < mutants; from += batch) {
            var ids = new ArrayList<String>();
            for (int i = from; i < Math.min(mutants, from + batch); i++) {
                ids.add(submitMutant(seed, i));
            }
            for (var id : ids) {
                await(id);
                ends.merge(end(id), 1, Integer::sum);
                cluster.store().delete("inputs/" + id);
            }
            int job = from / batch % KINDS;
            ratios.add(honest("between-" + from, job) / median(times.get(job)));
        }
        System.out.printf(
                "%n%d mutants: %s; honest jobs between them: median %.2f, slowest %.2f times as long as undisturbed%n",
                mutants, ends, median(ratios), Collections.max(ratios));
        if (!pids.equals(cluster.services().stream().map(Node::pid).toList())
                || !cluster.services().stream().allMatch(Node::isUp)) {
            faults.add("a service died");
        }
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    /** Models and archives in turn. */
    private String submitMutant(long seed, int index) throws IOException {
        boolean model = index % 2 == 0;
        var id = "mutant-" + index;
        cluster.store().write("inputs/" + id, model ? Mutants.model(seed, index) : Mutants.archive(seed, index));
        ledger.submit(
                id,
                SmallJobs.request(
                        id,
                        model ? "inputs/" + id : "inputs/0.onnx",
                        model ? "inputs/data.npz" : "inputs/" + id,
                        index % KINDS));
        return id;
    }

    private String end(String id) {
        if (ledger.isDone(id)) {
            return "done";
        }
        var reason = ledger.failure(id).map(failure -> failure.reason()).orElse("");
        if (reason.split("\\s+").length < 3 || reason.startsWith("internal error")) {
            faults.add(id + " ended without a reason: '" + reason + "'");
            return "faults";
        }
        return reason.contains("process") ? "processes that died" : "refused";
    }

    /** One small job from its request to its result, seconds; it has to have the bytes of its kind. */
    private double honest(String id, int job) throws Exception {
        long start = System.nanoTime();
        ledger.submit(id, SmallJobs.request(id, job));
        await(id);
        double seconds = (System.nanoTime() - start) / 1e9;
        if (!ledger.isDone(id)) {
            faults.add(id + ": " + ledger.failure(id));
            return seconds;
        }
        var hash = Hashes.of(cluster.store().read(ledger.models(id).getFirst()).orElseThrow());
        var known = Optional.ofNullable(models.putIfAbsent(job, hash));
        if (known.isPresent() && !known.get().equals(hash)) {
            faults.add(id + " has other bytes than before");
        }
        return seconds;
    }

    private void await(String id) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE_SECONDS * 1_000_000_000L;
        while (!ledger.hasEnded(id)) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException(id + " has not ended after " + PATIENCE_SECONDS + " s");
            }
            Thread.sleep(5);
        }
    }

    /** Seconds of a job in which events were under way or the store was asked. */
    private double between(String id) {
        return Stream.of(StageName.values())
                .flatMap(stage -> ledger.seconds(id, stage).stream())
                .mapToDouble(seconds -> seconds.events() + seconds.store())
                .sum();
    }

    private String resident() throws IOException {
        var all = new ArrayList<String>();
        for (var service : cluster.services()) {
            long own = ProcessMemory.kibibytes(String.valueOf(service.pid()), "VmRSS") >> 10;
            var child = service.child();
            all.add(own
                    + (child.isPresent()
                            ? " + "
                                    + (ProcessMemory.kibibytes(
                                                    String.valueOf(child.get().pid()), "VmRSS")
                                            >> 10)
                            : ""));
        }
        return String.join(", ", all);
    }
}
