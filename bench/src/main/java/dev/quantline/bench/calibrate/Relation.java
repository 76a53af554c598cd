package dev.quantline.bench.calibrate;

import java.util.Locale;
import java.util.Map;

/**
 * A published claim: one row of an ablation is better than another.
 *
 * @param source the paper, or "ours"
 * @param better name of the row
 * @param worse  name of the other row
 */
record Relation(String source, String better, String worse) {
    /** Errors closer than this share of the larger one are called level. */
    private static final double LEVEL = 0.02;

    boolean isIn(Map<String, Double> rows) {
        return rows.containsKey(better) && rows.containsKey(worse);
    }

    /** A line that says whether the relation shows, by 1 - cosine. */
    String judge(Map<String, Double> cosines) {
        double one = 1 - cosines.get(better);
        double other = 1 - cosines.get(worse);
        String verdict = Math.abs(one - other) <= LEVEL * Math.max(one, other)
                ? "level"
                : one < other ? "shows" : "does not show";
        return String.format(
                Locale.ROOT,
                "%s: %s against %s (%s): 1 - cosine %.3g against %.3g",
                verdict,
                better,
                worse,
                source,
                one,
                other);
    }
}
