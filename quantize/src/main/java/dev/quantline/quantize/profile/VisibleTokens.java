package dev.quantline.quantize.profile;

import dev.quantline.onnx.Tensor;
import java.util.Arrays;

/**
 * Which tokens of each sample of a batch count; the others are padding.
 *
 * @param tokens length of the sequences, padding included
 * @param runs   for each sample the begin and end (exclusive) of every run of visible tokens
 */
record VisibleTokens(int tokens, int[][] runs) {
    /** @param mask {@code [samples, tokens]}: 0 hides a token */
    static VisibleTokens of(Tensor mask) {
        int tokens = mask.dim(1);
        var runs = new int[mask.dim(0)][];
        for (int i = 0; i < runs.length; i++) {
            var borders = new int[tokens + 1];
            int found = 0;
            for (int t = 0; t < tokens; t++) {
                boolean inside = found % 2 == 1;
                if (inside != (mask.get(i * tokens + t) != 0)) {
                    borders[found++] = t;
                }
            }
            if (found % 2 == 1) {
                borders[found++] = tokens;
            }
            runs[i] = Arrays.copyOf(borders, found);
        }
        return new VisibleTokens(tokens, runs);
    }

    /** Number of visible tokens of a sample. */
    int count(int sample) {
        int count = 0;
        for (int i = 0; i < runs[sample].length; i += 2) {
            count += runs[sample][i + 1] - runs[sample][i];
        }
        return count;
    }
}
