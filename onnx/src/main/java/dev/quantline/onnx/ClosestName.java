package dev.quantline.onnx;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Finds the known name that an unknown one was probably meant to be. */
public final class ClosestName {
    /** Largest share of wrong letters, relative to the longer of the two names; a single one is always allowed. */
    private static final double WRONG = 1.0 / 3;
    /** Longer lists of names are no help. */
    private static final int LISTED = 16;

    private ClosestName() {}

    /** The known name with the fewest letters to change, the first one of ties; empty if none is similar. */
    public static Optional<String> to(String word, Collection<String> known) {
        String nearest = null;
        int least = Integer.MAX_VALUE;
        for (String name : known) {
            int changes = changes(word.toLowerCase(Locale.ROOT), name.toLowerCase(Locale.ROOT));
            if (changes < least && changes <= Math.max(1, WRONG * Math.max(word.length(), name.length()))) {
                nearest = name;
                least = changes;
            }
        }
        return Optional.ofNullable(nearest);
    }

    /** The end of a message about an unknown name: the name that was probably meant, or else the existing names. */
    public static String hint(String word, Collection<String> known) {
        return to(word, known)
                .map(name -> "did you mean '" + name + "'?")
                .orElseGet(() -> known.isEmpty()
                        ? "there are none"
                        : "there " + (known.size() == 1 ? "is " : "are ")
                                + String.join(", ", known.stream().limit(LISTED).toList())
                                + (known.size() > LISTED ? " and " + (known.size() - LISTED) + " more" : ""));
    }

    /** Number of letters to insert, delete, replace or swap with their neighbour (Damerau, optimal string alignment). */
    private static int changes(String from, String to) {
        var counts = new int[from.length() + 1][to.length() + 1];
        for (int i = 0; i <= from.length(); i++) {
            for (int j = 0; j <= to.length(); j++) {
                if (i == 0 || j == 0) {
                    counts[i][j] = i + j;
                    continue;
                }
                int replaced = counts[i - 1][j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                counts[i][j] = Math.min(replaced, 1 + Math.min(counts[i - 1][j], counts[i][j - 1]));
                if (i > 1
                        && j > 1
                        && from.charAt(i - 1) == to.charAt(j - 2)
                        && from.charAt(i - 2) == to.charAt(j - 1)) {
                    counts[i][j] = Math.min(counts[i][j], counts[i - 2][j - 2] + 1);
                }
            }
        }
        return counts[from.length()][to.length()];
    }
}
