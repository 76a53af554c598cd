package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** A word of the recipe's vocabulary: JSON, reports and the command line write a constant's name in small letters. */
public interface Word {
    String name();

    @JsonValue
    default String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
