package dev.quantline.quantize.quantizer;

/**
 * A bound on weight codes that are summed with each other: two codes of the same sign add up to at most {@code limit} in magnitude.
 * Integer kernels without VNNI multiply them by activation codes of 0 to A and add two neighbouring products in 16 bits, which never
 * overflows if {@code limit A <= 32767}. Which codes are neighbours depends on the kernel, so the bound holds for any two.
 *
 * <p>Codes beyond it are cut where that costs least (ours): one code of each sign may reach {@code limit - cut}, all others
 * {@code cut}; of the cuts 0 to {@code limit / 2}, the one with the smallest sum of squared changes is taken.
 *
 * @param cut     largest magnitude of every code but one, for positive and for negative codes
 * @param farther index of the code that may reach {@code limit - cut}, for both signs; -1 for none
 */
public record PairLimit(int limit, int[] cut, int[] farther) {
    /** Where codes that are summed with each other have to be cut; they may exceed the range of the grid. */
    public static PairLimit of(int limit, long[] codes) {
        var cut = new int[2];
        var farther = new int[2];
        for (int sign = 0; sign < 2; sign++) {
            farther[sign] = largest(codes, sign);
            cut[sign] = cut(limit, codes, sign, farther[sign]);
        }
        return new PairLimit(limit, cut, farther);
    }

    private static long size(long code, int sign) {
        return Math.max(0, sign == 0 ? code : -code);
    }

    private static int largest(long[] codes, int sign) {
        int largest = -1;
        for (int i = 0; i < codes.length; i++) {
            if (size(codes[i], sign) > (largest < 0 ? 0 : size(codes[largest], sign))) {
                largest = i;
            }
        }
        return largest;
    }

    private static int cut(int limit, long[] codes, int sign, int farther) {
        long reach = farther < 0 ? 0 : size(codes[farther], sign);
        // Sums of 1, m and m^2 over all magnitudes m above the cut except the one that may reach farther.
        double[] above = new double[3];
        var counts = new int[limit / 2 + 1];
        for (int i = 0; i < codes.length; i++) {
            long size = size(codes[i], sign);
            if (i != farther && size > limit / 2) {
                add(above, size, 1);
            } else if (i != farther) {
                counts[(int) size]++;
            }
        }
        int best = limit / 2;
        double least = Double.POSITIVE_INFINITY;
        for (int cut = limit / 2; cut >= 0; cut--) {
            double cost = Math.pow(Math.max(0, reach - (limit - cut)), 2)
                    + above[2]
                    - 2 * cut * above[1]
                    + (double) cut * cut * above[0];
            if (cost < least) {
                least = cost;
                best = cut;
            }
            add(above, cut, counts[cut]);
        }
        return best;
    }

    private static void add(double[] sums, long size, int count) {
        sums[0] += count;
        sums[1] += (double) count * size;
        sums[2] += (double) count * size * size;
    }

    /** The code nearest to {@code code} that element {@code i} may have. */
    public long bound(int i, long code) {
        int sign = code < 0 ? 1 : 0;
        long most = i == farther[sign] ? limit - cut[sign] : cut[sign];
        return sign == 0 ? Math.min(code, most) : Math.max(code, -most);
    }

    /** The largest magnitude of the sum of two codes of the same sign, or of the largest code if it is the only one. */
    public static long largestPair(long[] codes) {
        long worst = 0;
        for (int sign = 0; sign < 2; sign++) {
            int largest = largest(codes, sign);
            long second = 0;
            for (int i = 0; i < codes.length; i++) {
                second = i == largest ? second : Math.max(second, size(codes[i], sign));
            }
            worst = Math.max(worst, second + (largest < 0 ? 0 : size(codes[largest], sign)));
        }
        return worst;
    }
}
