package dev.quantline.data.image;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import java.util.Arrays;
import java.util.Locale;

/**
 * How much each pixel around a place counts when a picture is resized. Kernels and their numbers are those of the Python Imaging
 * Library (PIL, Pillow), which most networks were trained with; all but {@code NEAREST} widen when a picture shrinks, so that every
 * pixel counts.
 */
public enum Filter {
    NEAREST(0, 0),
    LANCZOS(1, 3),
    BILINEAR(2, 1),
    BICUBIC(3, 2),
    BOX(4, .5),
    HAMMING(5, 1);

    /** The a of the cubic kernel; PIL's, other libraries use -0.75. */
    private static final double CUBIC = -.5;

    private static final double HAMMING_MEAN = .54;

    private final int number;
    private final double reach;

    Filter(int number, double reach) {
        this.number = number;
        this.reach = reach;
    }

    /** The filter with this name. @throws BadInput naming the nearest right one */
    public static Filter named(String name) {
        return Arrays.stream(values())
                .filter(filter -> filter.name().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(() -> new BadInput("unknown filter '" + name + "': "
                        + ClosestName.hint(
                                name,
                                Arrays.stream(values())
                                        .map(filter -> filter.name().toLowerCase(Locale.ROOT))
                                        .toList())));
    }

    /** The filter with this number, as {@code resample} of a preprocessor's configuration says it. */
    static Filter numbered(int number) {
        return Arrays.stream(values())
                .filter(filter -> filter.number == number)
                .findFirst()
                .orElseThrow(() -> new BadInput("resample: unknown filter " + number + ", the numbers are 0 to 5"));
    }

    /** Half the width of the kernel, in pixels of the smaller picture. */
    double reach() {
        return reach;
    }

    /** The kernel at a distance. */
    double weight(double distance) {
        double x = Math.abs(distance);
        return switch (this) {
            case NEAREST -> throw new IllegalStateException("takes one pixel and has no kernel");
            case BOX -> distance > -.5 && distance <= .5 ? 1 : 0;
            case BILINEAR -> x < 1 ? 1 - x : 0;
            case HAMMING ->
                x == 0 ? 1 : x >= 1 ? 0 : sinc(x) * (HAMMING_MEAN + (1 - HAMMING_MEAN) * Math.cos(x * Math.PI));
            case BICUBIC ->
                x < 1 ? ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * CUBIC : 0;
            case LANCZOS -> distance >= -3 && distance < 3 ? sinc(x) * sinc(x / 3) : 0;
        };
    }

    private static double sinc(double x) {
        return x == 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
    }
}
