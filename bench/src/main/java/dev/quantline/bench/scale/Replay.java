package dev.quantline.bench.scale;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.Stream;

/**
 * A job as it was timed, and how long it would have taken on other numbers of replicas: items of a phase go, in their order, to the replica
 * that is free first; phases, and what a stage does before its items, wait for each other.
 *
 * @param stages in their order
 */
record Replay(List<Stage> stages) {
    /**
     * One stage.
     *
     * @param planning seconds before the first item can begin
     * @param items    in their order
     */
    record Stage(String name, double planning, List<Item> items) {
        double seconds(int replicas) {
            return planning
                    + phases().mapToDouble(phase -> scheduled(phase, replicas)).sum();
        }

        private Stream<List<Item>> phases() {
            return items.stream()
                    .map(Item::phase)
                    .distinct()
                    .sorted()
                    .map(phase ->
                            items.stream().filter(item -> item.phase() == phase).toList());
        }

        /** What no number of replicas makes shorter: planning, and the longest item of each phase. */
        List<Item> critical() {
            var path = new ArrayList<Item>();
            path.add(new Item(name + ": planning", 0, planning));
            phases().forEach(phase -> {
                var longest = phase.stream()
                        .max(Comparator.comparingDouble(Item::seconds))
                        .orElseThrow();
                path.add(new Item(name + ": " + longest.name(), longest.phase(), longest.seconds()));
            });
            return path;
        }
    }

    /** @param seconds of all its time slices, storing included */
    record Item(String name, int phase, double seconds) {}

    /** Some of its stages, by their names. */
    Replay of(List<String> names) {
        return new Replay(
                stages.stream().filter(stage -> names.contains(stage.name())).toList());
    }

    double seconds(int replicas) {
        return stages.stream().mapToDouble(stage -> stage.seconds(replicas)).sum();
    }

    double speedUp(int replicas) {
        return seconds(1) / seconds(replicas);
    }

    private static double scheduled(List<Item> items, int replicas) {
        var free = new PriorityQueue<Double>();
        for (int i = 0; i < Math.min(replicas, items.size()); i++) {
            free.add(0.0);
        }
        double end = 0;
        for (var item : items) {
            double until = free.remove() + item.seconds();
            free.add(until);
            end = Math.max(end, until);
        }
        return end;
    }
}
