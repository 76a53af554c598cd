package dev.quantline.quantize.calibrate;

import dev.quantline.quantize.quantizer.Tangent;
import java.util.function.ToDoubleFunction;

/**
 * Searches for the curvature, centre and scale of TanQ by the error of the product that reads it: a coarse grid over f =
 * a max(c, 1-c) / (pi/2), c and s, then ever finer steps around the best (the finest steps match the full grid of f in
 * {.02, .03, .., .98}, c in {0, .05, .., 1}).
 */
final class TanSearch {
    private static final double[] CENTRES = {0, 0.25, 0.5, 0.75, 1};
    private static final double[] CURVATURES = {0.1, 0.3, 0.5, 0.7, 0.85, 0.95};

    private TanSearch() {}

    /**
     * @param scales candidates for s, largest first
     * @param error  the cost of a quantizer
     */
    static Tangent search(int bits, double[] scales, ToDoubleFunction<Tangent> error) {
        Tangent best = null;
        double least = Double.POSITIVE_INFINITY;
        for (double f : CURVATURES) {
            for (double c : CENTRES) {
                var candidate = tangent(bits, f, c, scales[0]);
                double cost = error.applyAsDouble(candidate);
                if (best == null || cost < least) {
                    least = cost;
                    best = candidate;
                }
            }
        }
        for (double step = 0.1; step > 0.009; step /= 2) {
            for (double before = Double.POSITIVE_INFINITY; least < before; ) {
                before = least;
                for (var candidate : around(best, step, scales)) {
                    double cost = error.applyAsDouble(candidate);
                    if (cost < least) {
                        least = cost;
                        best = candidate;
                    }
                }
            }
        }
        return best;
    }

    private static Tangent[] around(Tangent best, double step, double[] scales) {
        double f = best.a() * Math.max(best.c(), 1 - best.c()) / (Math.PI / 2);
        var candidates = new Tangent[4 + scales.length];
        candidates[0] = tangent(best.bits(), f - step, best.c(), best.s());
        candidates[1] = tangent(best.bits(), f + step, best.c(), best.s());
        candidates[2] = tangent(best.bits(), f, best.c() - step, best.s());
        candidates[3] = tangent(best.bits(), f, best.c() + step, best.s());
        for (int i = 0; i < scales.length; i++) {
            candidates[4 + i] = tangent(best.bits(), f, best.c(), scales[i]);
        }
        return candidates;
    }

    private static Tangent tangent(int bits, double f, double c, double s) {
        double centre = Math.clamp(c, 0, 1);
        double a = Math.clamp(f, 0.02, 0.98) * (Math.PI / 2) / Math.max(centre, 1 - centre);
        return new Tangent(bits, a, centre, (float) s);
    }
}
