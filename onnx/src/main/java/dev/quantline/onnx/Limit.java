package dev.quantline.onnx;

import java.util.Locale;

/**
 * How large, and how deep, a model may be, and how large a sample. A few bytes of file can ask for any number of nodes and any
 * amount of memory, so that each is held against its limit before native code sees it. The property {@code quantline.limit.NAME}
 * of the Java virtual machine, or the environment variable {@code QUANTLINE_LIMIT_NAME}, sets another value.
 */
public enum Limit {
    /** Nodes of a model, bodies included, its functions written out. */
    NODES(1 << 18),
    /** Bodies of If, Loop and Scan inside each other: shape inference takes twice the time at every level. */
    NESTING(8),
    /** Elements of one tensor whose size a constant of the model gives. */
    ELEMENTS(1 << 27),
    /** Bytes of one sample of a data file: a megabyte of archive can hold a thousand times as much. */
    ROW(1 << 28),
    /** What one attribute of a convolution or a pooling may count: strides, sizes of kernels, groups. */
    ATTRIBUTE(1 << 20);

    /** What the system property of every limit begins with. */
    public static final String PROPERTIES = "quantline.limit.";

    private final long standard;

    Limit(long standard) {
        this.standard = standard;
    }

    /** The limit in force. @throws BadInput when what was set is no whole number above 0 */
    public long value() {
        return stated(setting(), standard);
    }

    /**
     * What was set for a limit of this or another kind, or else its standard.
     *
     * @param setting its name, in small letters with hyphens between words
     * @throws BadInput when what was set is no whole number above 0
     */
    public static long stated(String setting, long standard) {
        var property = PROPERTIES + setting;
        var variable = property.toUpperCase(Locale.ROOT).replaceAll("[.-]", "_");
        String stated = System.getProperty(property, System.getenv(variable));
        if (stated == null) {
            return standard;
        }
        if (!stated.matches("[1-9][0-9]{0,17}")) {
            throw new BadInput(property + " is '" + stated + "': it must be a whole number above 0");
        }
        return Long.parseLong(stated);
    }

    /** The system property that sets it. */
    public String property() {
        return PROPERTIES + setting();
    }

    private String setting() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What a refusal says of a limit: its value, and how to set another. */
    public String words() {
        return "the limit is " + value() + " (" + property() + ")";
    }
}
