package dev.quantline.console.compare;

import java.util.Locale;
import java.util.Optional;

/** Figures and widths for people. */
final class Words {
    private static final double MEGA = 1e6;
    private static final int LONGEST = 50;

    private Words() {}

    /** One row: the name, both values and their difference. */
    static String figure(Comparison.Figure figure) {
        var difference = figure.a()
                .flatMap(a -> figure.b().map(b -> difference(figure.unit(), a, b)))
                .orElse("");
        return "%-20s %12s %12s %12s"
                .formatted(
                        figure.name(), value(figure.unit(), figure.a()), value(figure.unit(), figure.b()), difference)
                .stripTrailing();
    }

    private static String value(String unit, Optional<Double> value) {
        return value.map(number -> String.format(
                        Locale.ROOT,
                        switch (unit) {
                            case "bytes" -> "%.2f MB";
                            case "ms" -> "%.2f ms";
                            case "dB" -> "%.1f dB";
                            case "bits" -> "%.2f";
                            default -> "%.4f";
                        },
                        unit.equals("bytes") ? number / MEGA : number))
                .orElse("-");
    }

    /** Sizes and times in percent, because people choose by those. */
    private static String difference(String unit, double a, double b) {
        return unit.equals("bytes") || unit.equals("ms")
                ? a > 0 ? String.format(Locale.ROOT, "%+.1f %%", 100 * (b / a - 1)) : ""
                : String.format(Locale.ROOT, unit.isEmpty() ? "%+.4f" : "%+.2f", b - a);
    }

    /** {@code 4/8 0.00213}: bits of weights and of activations, and the error. */
    static String width(Optional<Comparison.Width> width) {
        return width.map(of -> bits(of.weightBits()) + "/" + bits(of.activationBits())
                        + of.weightError()
                                .map(error -> String.format(Locale.ROOT, " %.3g", error))
                                .orElse(""))
                .orElse("-");
    }

    /** A setting's value, cut where it is long: of hashes and references the beginning tells them apart. */
    static String setting(Optional<String> value) {
        return value.map(text -> text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text)
                .orElse("-");
    }

    private static String bits(Optional<Integer> bits) {
        return bits.map(String::valueOf).orElse("float");
    }
}
