package dev.quantline.bench.chaos;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Does one random fault after the other to a cluster, and undoes each some seconds later. Used by one thread. */
final class Faults implements AutoCloseable {
    private static final int LONGEST_MILLIS = 5000;
    private static final int SHORTEST_MILLIS = 500;

    private final Cluster cluster;
    private final Random random;
    private final ScheduledExecutorService later =
            Executors.newScheduledThreadPool(2, Thread.ofPlatform().daemon().factory());
    private final Map<Fault, Integer> counts = new EnumMap<>(Fault.class);
    private final List<Long> moments = new ArrayList<>();

    Faults(Cluster cluster, Random random) {
        this.cluster = cluster;
        this.random = random;
    }

    /** Does one, if there is what it needs. Duplicates and cancellations are the caller's, see {@link #count}. */
    void inflict(Fault fault) {
        boolean done = switch (fault) {
            case CHILD_KILLED -> killChild();
            case SERVICE_KILLED -> killed(cluster.services().get(random.nextInt(Cluster.SERVICES.size())));
            case STORE_KILLED -> killed(cluster.storeServer());
            case BROKER_KILLED -> killed(cluster.broker());
            case SERVICE_STOPPED -> stopped(cluster.services().get(random.nextInt(Cluster.SERVICES.size())));
            case STORE_SLOW -> {
                cluster.proxy().slow(true);
                after(() -> cluster.proxy().slow(false));
                yield true;
            }
            case STORE_ERRORS -> {
                cluster.proxy().error(random.nextBoolean() ? 500 : 503);
                after(() -> cluster.proxy().error(0));
                yield true;
            }
            case DUPLICATE, CANCELLED -> false;
        };
        if (done) {
            count(fault);
        }
    }

    void count(Fault fault) {
        counts.merge(fault, 1, Integer::sum);
        moments.add(System.nanoTime());
    }

    /** How many of each there were. */
    Map<Fault, Integer> counts() {
        return counts;
    }

    int kills() {
        return counts.entrySet().stream()
                .filter(count -> count.getKey().isKill)
                .mapToInt(Map.Entry::getValue)
                .sum();
    }

    /** When each fault happened, as {@link System#nanoTime}. */
    List<Long> moments() {
        return moments;
    }

    /** Some time from now, as the undoing of a fault. */
    void after(Runnable undo) {
        later.schedule(undo, SHORTEST_MILLIS + random.nextInt(LONGEST_MILLIS - SHORTEST_MILLIS), TimeUnit.MILLISECONDS);
    }

    private boolean killChild() {
        int first = random.nextInt(Cluster.SERVICES.size());
        for (int i = 0; i < Cluster.SERVICES.size(); i++) {
            Optional<ProcessHandle> child = cluster.services()
                    .get((first + i) % Cluster.SERVICES.size())
                    .child();
            if (child.isPresent() && child.get().destroyForcibly()) {
                return true;
            }
        }
        return false;
    }

    private boolean killed(Node node) {
        if (!node.isUp()) {
            return false;
        }
        node.kill();
        after(node::start);
        return true;
    }

    private boolean stopped(Node node) {
        if (!node.isUp()) {
            return false;
        }
        node.signal("STOP");
        after(() -> node.signal("CONT"));
        return true;
    }

    /** Undoes what is still to be undone, and returns when it is. */
    @Override
    public void close() throws InterruptedException {
        later.shutdown();
        if (!later.awaitTermination(2L * LONGEST_MILLIS, TimeUnit.MILLISECONDS)) {
            throw new IllegalStateException("a fault could not be undone");
        }
    }
}
