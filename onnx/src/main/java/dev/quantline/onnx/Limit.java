package dev.quantline.onnx;

import java.util.Locale;

/**
 * Limits on the size and depth of a model, and on the size of a sample. A few bytes of file can require any number of nodes and
 * any amount of memory, so each is checked against its limit before native code sees it. The property
 * {@code quantline.limit.NAME} of the Java virtual machine or the environment variable {@code QUANTLINE_LIMIT_NAME} sets another
 * value.
 */
public enum Limit {
    /** Nodes of a model, including bodies and inlined functions. */
    NODES(1 << 18),
    /** Nesting of bodies of If, Loop and Scan: shape inference takes twice as long at every level. */
    NESTING(8),
    /** Elements of one tensor whose size is given by a constant of the model. */
    ELEMENTS(1 << 27),
    /** Bytes of one sample of a data file: a megabyte of archive can expand a thousandfold. */
    ROW(1 << 28),
    /** Strides, kernel sizes, groups and other counts in an attribute of a convolution or a pooling. */
    ATTRIBUTE(1 << 20);

    /** What the system property of every limit begins with. */
    public static final String PROPERTIES = "quantline.limit.";

    private final long standard;

    Limit(long standard) {
        this.standard = standard;
    }

    /** The limit in force. @throws BadInput if it was not set to a whole number above 0 */
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

    /** The part of a message about a limit: its value, and how to change it. */
    public String words() {
        return "the limit is " + value() + " (" + property() + ")";
    }
}
