package dev.quantline.onnx;

import java.util.Locale;

/**
 * A limit that can be set: by the property {@code quantline.limit.NAME} of the Java virtual machine, or the environment variable {@code
 * QUANTLINE_LIMIT_NAME}. The name is that of the constant, with hyphens between words.
 */
public interface Bound {
    /** What the system property of every limit begins with. */
    String PROPERTIES = "quantline.limit.";

    /** The constant's. */
    String name();

    /** The limit where nothing was set. */
    long standard();

    /** The limit in force. @throws BadInput when what was set is no whole number above 0 */
    default long value() {
        var variable = property().toUpperCase(Locale.ROOT).replaceAll("[.-]", "_");
        String stated = System.getProperty(property(), System.getenv(variable));
        if (stated == null) {
            return standard();
        }
        if (!stated.matches("[1-9][0-9]{0,17}")) {
            throw new BadInput(property() + " is '" + stated + "': it must be a whole number above 0");
        }
        return Long.parseLong(stated);
    }

    /** The system property that sets it. */
    default String property() {
        return PROPERTIES + name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** What a refusal says of a limit: its value, and how to set another. */
    default String words() {
        return "the limit is " + value() + " (" + property() + ")";
    }
}
