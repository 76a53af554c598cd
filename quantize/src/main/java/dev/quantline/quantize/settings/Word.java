package dev.quantline.quantize.settings;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** A word in the vocabulary of recipes: JSON, reports and the command line use a constant's name in lower case. */
public interface Word {
    String name();

    @JsonValue
    default String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
