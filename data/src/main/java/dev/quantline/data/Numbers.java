package dev.quantline.data;

import java.util.Locale;

/** Numbers as people read them. */
public final class Numbers {
    private static final double LARGE = 1e15;

    private Numbers() {}

    /** Integers as they are, others to four digits. */
    public static String brief(double value) {
        return value == Math.rint(value) && Math.abs(value) < LARGE
                ? String.valueOf((long) value)
                : Double.isFinite(value) ? String.format(Locale.ROOT, "%.4g", value) : String.valueOf(value);
    }
}
