package dev.quantline.deploy;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/** Rendered manifests as text that a person can review: the default ones in full, others by how they differ from these. */
final class Snapshot {
    private Snapshot() {}

    static String whole(Manifests manifests) {
        var text = new StringBuilder();
        manifests
                .objects()
                .forEach((name, object) ->
                        text.append("--- ").append(name).append('\n').append(Manifests.text(object)));
        return text.toString();
    }

    /** Objects that came, went or changed; of the latter the lines, each after the keys that it lies below. */
    static String difference(Manifests from, Manifests to) {
        var names = new TreeSet<>(from.objects().keySet());
        names.addAll(to.objects().keySet());
        var text = new StringBuilder();
        for (var name : names) {
            if (!to.objects().containsKey(name)) {
                text.append("--- without ").append(name).append('\n');
            } else if (!from.objects().containsKey(name)) {
                text.append("--- with ").append(name).append('\n').append(Manifests.text(to.get(name)));
            } else if (!from.get(name).equals(to.get(name))) {
                text.append("--- ").append(name).append('\n');
                lines(lines(from, name), lines(to, name))
                        .forEach(line -> text.append(line).append('\n'));
            }
        }
        return text.toString();
    }

    private static List<String> lines(Manifests manifests, String name) {
        return Manifests.text(manifests.get(name)).lines().toList();
    }

    /** The lines that a longest common subsequence leaves, with {@code -} or {@code +}. */
    static List<String> lines(List<String> from, List<String> to) {
        var common = new int[from.size() + 1][to.size() + 1];
        for (int i = from.size() - 1; i >= 0; i--) {
            for (int j = to.size() - 1; j >= 0; j--) {
                common[i][j] = from.get(i).equals(to.get(j))
                        ? common[i + 1][j + 1] + 1
                        : Math.max(common[i + 1][j], common[i][j + 1]);
            }
        }
        var lines = new ArrayList<String>();
        int i = 0;
        int j = 0;
        while (i < from.size() || j < to.size()) {
            if (i < from.size() && j < to.size() && from.get(i).equals(to.get(j))) {
                i++;
                j++;
            } else if (j == to.size() || i < from.size() && common[i + 1][j] >= common[i][j + 1]) {
                lines.add("-" + from.get(i++));
            } else {
                lines.add("+" + to.get(j++));
            }
        }
        return lines;
    }
}
