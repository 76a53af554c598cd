package dev.quantline.bench.chaos;

import dev.quantline.bench.robustness.Options;
import dev.quantline.embedded.Broker;
import dev.quantline.embedded.ObjectServer;
import dev.quantline.quantize.settings.Hashes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Small jobs, first undisturbed and then again under random faults for some minutes: every job has to end with the same bytes. Exits
 * with 1 if one does not. Arguments: {@code --jobs N}, {@code --minutes M}, {@code --kills K} (about how many), {@code --seed S}. The
 * seed settles the order of faults; when they meet which job depends on the machine.
 */
public final class Chaos {
    /** The first argument of a process that serves a broker or a store. */
    static final String SERVE = "--serve";

    private static final double SHARE_OF_KILLS = .8;
    private static final int REFERENCE_MINUTES = 10;
    private static final int QUIET_MINUTES = 5;
    private static final int LINE_MILLIS = 15_000;

    private final Cluster cluster;
    private final Ledger ledger;
    private final Settings settings;
    /** By index of the job: hash of the model without faults. */
    private final List<String> reference = new ArrayList<>();
    /** Every job under faults, with its index. */
    private final Map<String, Integer> jobs = new LinkedHashMap<>();

    private final List<String> extras = new ArrayList<>();
    private long lastLine;

    private record Settings(int jobs, int minutes, int kills, long seed) {
        static Settings of(String... arguments) {
            var options = new Options(List.of("--jobs", "--minutes", "--kills", "--seed"), arguments);
            return new Settings(
                    options.number("jobs", 40),
                    options.number("minutes", 8),
                    options.number("kills", 200),
                    options.number("seed", 1));
        }

        /** From fault to fault on average. */
        double pauseMillis() {
            return 60_000 * SHARE_OF_KILLS * minutes / kills;
        }
    }

    private Chaos(Cluster cluster, Ledger ledger, Settings settings) {
        this.cluster = cluster;
        this.ledger = ledger;
        this.settings = settings;
    }

    public static void main(String... arguments) throws Exception {
        if (arguments.length > 0 && arguments[0].equals(SERVE)) {
            serve(arguments[1], Path.of(arguments[2]), Integer.parseInt(arguments[3]));
            return;
        }
        var settings = Settings.of(arguments);
        var root = Packaged.root();
        var folder = Files.createTempDirectory("chaos");
        try (var cluster = Cluster.ofShortLived(root, folder);
                var ledger = new Ledger(cluster.bootstrapServers())) {
            SmallJobs.storeInputs(cluster.store(), settings.jobs(), folder);
            var verdict = new Chaos(cluster, ledger, settings).run();
            verdict.print(System.out);
            System.out.println("logs and data: " + cluster.logs());
            if (verdict.isGood()) {
                return;
            }
        }
        System.exit(1);
    }

    private static void serve(String kind, Path folder, int port) throws Exception {
        var server = kind.equals("broker")
                ? Broker.start(folder, port)
                : ObjectServer.start(folder, port, Cluster.keys(folder.getParent()));
        Thread.currentThread().join();
        server.close();
    }

    private Verdict run() throws Exception {
        var undisturbed = submitted("calm");
        awaitEnd(undisturbed, REFERENCE_MINUTES, "undisturbed");
        for (String id : undisturbed) {
            if (!ledger.isDone(id)) {
                throw new IllegalStateException("the undisturbed job " + id + " was not done: " + ledger.failure(id));
            }
            reference.add(hash(ledger.models(id).getFirst()));
        }
        System.err.println("quantline: the undisturbed jobs are done; faults begin");
        var random = new Random(settings.seed());
        var faults = new Faults(cluster, random);
        var round = submitRound(0);
        long end = System.nanoTime() + (long) (settings.minutes() * 60e9);
        for (int rounds = 1; System.nanoTime() < end; ) {
            Thread.sleep((long) (2 * settings.pauseMillis() * random.nextDouble()));
            if (round.stream().allMatch(ledger::hasEnded)) {
                round = submitRound(rounds++);
            }
            act(Fault.drawn(random), round, faults, random);
            show(faults.kills() + " kills");
        }
        faults.close();
        awaitEnd(List.copyOf(jobs.keySet()), QUIET_MINUTES, "faults are over");
        awaitEnd(extras, 1, "faults are over");
        return verdict(faults);
    }

    private void act(Fault fault, List<String> round, Faults faults, Random random) throws IOException {
        switch (fault) {
            case DUPLICATE -> {
                ledger.submitAgain(round.get(random.nextInt(round.size())));
                faults.count(fault);
            }
            case CANCELLED -> {
                var id = "extra-" + extras.size();
                extras.add(id);
                ledger.submit(id, SmallJobs.request(id, random.nextInt(settings.jobs())));
                faults.after(() -> ledger.cancel(id));
                faults.count(fault);
            }
            default -> faults.inflict(fault);
        }
    }

    private List<String> submitRound(int round) throws IOException {
        var ids = submitted("round" + round);
        IntStream.range(0, ids.size()).forEach(job -> jobs.put(ids.get(job), job));
        return ids;
    }

    private List<String> submitted(String prefix) throws IOException {
        var ids = new ArrayList<String>();
        for (int job = 0; job < settings.jobs(); job++) {
            var id = prefix + "-" + job;
            ledger.submit(id, SmallJobs.request(id, job));
            ids.add(id);
        }
        return ids;
    }

    private void awaitEnd(List<String> ids, int minutes, String phase) throws InterruptedException {
        long end = System.nanoTime() + minutes * 60_000_000_000L;
        while (System.nanoTime() < end && !ids.stream().allMatch(ledger::hasEnded)) {
            Thread.sleep(200);
            long ended = ids.stream().filter(ledger::hasEnded).count();
            line("%s: %d of %d jobs".formatted(phase, ended, ids.size()));
        }
    }

    private void show(String kills) {
        long done = jobs.keySet().stream().filter(ledger::isDone).count();
        line("%d of %d jobs done, %s".formatted(done, jobs.size(), kills));
    }

    /** One that changes on a terminal, one now and then elsewhere. */
    private void line(String text) {
        if (System.console() != null && System.console().isTerminal()) {
            System.err.print("\r\033[K" + text);
        } else if (System.nanoTime() - lastLine > LINE_MILLIS * 1_000_000L) {
            lastLine = System.nanoTime();
            System.err.println(text);
        }
    }

    private Verdict verdict(Faults faults) {
        var lost = new ArrayList<String>();
        var wrong = new ArrayList<String>();
        var duplicated = new ArrayList<String>();
        int equal = 0;
        for (var job : jobs.entrySet()) {
            var id = job.getKey();
            var hashes = ledger.models(id).stream().map(this::hash).distinct().toList();
            if (hashes.isEmpty()) {
                lost.add(id + ": " + ledger.failure(id).map(Object::toString).orElse("no result and no failure"));
            } else if (hashes.equals(List.of(reference.get(job.getValue())))) {
                equal++;
            } else {
                wrong.add(id);
            }
            if (hashes.size() > 1) {
                duplicated.add(id);
            }
        }
        extras.stream()
                .filter(id -> !ledger.isDone(id)
                        && ledger.failure(id)
                                .filter(failure -> failure.stage().equals("cancel"))
                                .isEmpty())
                .forEach(id -> lost.add(id + ": " + ledger.failure(id)));
        return new Verdict(
                jobs.size(),
                jobs.size()
                        - (int) lost.stream()
                                .filter(line -> !line.startsWith("extra-"))
                                .count(),
                lost,
                wrong,
                duplicated,
                equal,
                ledger.resubmitted(),
                extras.size(),
                (int) extras.stream()
                        .filter(id -> ledger.failure(id).isPresent())
                        .count(),
                Verdict.slowest(faults.moments(), ledger.moves()),
                faults.counts());
    }

    private String hash(String key) {
        return Hashes.of(cluster.store().read(key).orElseThrow(() -> new IllegalStateException("no object " + key)));
    }
}
