package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Comparator;

/**
 * The widths of one layer: of its weight codes and of the codes of the activation that it reads. Written as
 * {@code 4/8}.
 *
 * @param weights     bits of a weight code
 * @param activations bits of an activation code; 32 leaves the activation float
 */
public record Width(int weights, int activations) implements Comparable<Width> {
    private static final Comparator<Width> ORDER =
            Comparator.comparingInt(Width::weights).thenComparingInt(Width::activations);

    /** Parses the result of {@link #toString}. */
    @JsonCreator
    public static Width parse(String text) {
        int slash = text.indexOf('/');
        return new Width(Integer.parseInt(text.substring(0, slash)), Integer.parseInt(text.substring(slash + 1)));
    }

    @Override
    public int compareTo(Width other) {
        return ORDER.compare(this, other);
    }

    @JsonValue
    @Override
    public String toString() {
        return weights + "/" + activations;
    }
}
