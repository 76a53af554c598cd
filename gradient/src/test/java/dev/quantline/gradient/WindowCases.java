package dev.quantline.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;

import static dev.quantline.gradient.Case.of;
import static dev.quantline.gradient.Case.one;
import static dev.quantline.gradient.Case.with;

/** The cases for convolutions, pooling and Resize. */
final class WindowCases {
    private WindowCases() {}

    static List<Case> all() {
        var cases = new ArrayList<>(convolutions());
        cases.addAll(pools());
        cases.addAll(resizing());
        return cases;
    }

    private static Case conv(String name, long[] x, long[] w, Object... attributes) {
        return one("Conv " + name)
                .trained("x", x)
                .trained("w", w)
                .trained("b", w[0])
                .op("Conv", with(attributes), List.of("x", "w", "b"), "y");
    }

    private static Case convTranspose(String name, long[] x, long[] w, Object... attributes) {
        return one("ConvTranspose " + name)
                .trained("x", x)
                .trained("w", w)
                .op("ConvTranspose", with(attributes), List.of("x", "w"), "y");
    }

    private static Case pool(String op, String name, long[] x, Object... attributes) {
        return one(op + " " + name).spaced("x", -1, 1, x).op(op, with(attributes), List.of("x"), "y");
    }

    private static List<Case> convolutions() {
        var cases = new ArrayList<>(List.of(
                conv("plain", of(2, 3, 5, 5), of(4, 3, 3, 3)),
                conv("1x1", of(2, 3, 4, 4), of(5, 3, 1, 1)),
                conv("1x1 strided", of(2, 3, 5, 5), of(5, 3, 1, 1), "strides", of(2, 2)),
                conv(
                        "1x1 strided and padded to the same size",
                        of(2, 3, 3, 3),
                        of(5, 3, 1, 1),
                        "strides",
                        of(2, 2),
                        "pads",
                        of(1, 1, 1, 1)),
                conv("strides, pads", of(2, 3, 6, 7), of(4, 3, 3, 3), "strides", of(2, 2), "pads", of(1, 1, 1, 1)),
                conv("uneven pads", of(1, 2, 6, 5), of(3, 2, 3, 2), "strides", of(3, 2), "pads", of(0, 1, 2, 0)),
                conv("dilations", of(2, 2, 8, 8), of(3, 2, 3, 3), "dilations", of(2, 3), "pads", of(1, 2, 1, 2)),
                conv(
                        "dilations and strides",
                        of(1, 2, 9, 9),
                        of(3, 2, 2, 2),
                        "dilations",
                        of(3, 2),
                        "strides",
                        of(2, 3)),
                conv("groups", of(2, 4, 5, 5), of(6, 2, 3, 3), "group", 2),
                conv("depthwise", of(2, 4, 5, 5), of(4, 1, 3, 3), "group", 4, "pads", of(1, 1, 1, 1)),
                conv("depthwise with multiplier", of(2, 3, 5, 5), of(6, 1, 3, 3), "group", 3, "strides", of(2, 2)),
                conv("SAME_UPPER", of(1, 2, 6, 6), of(3, 2, 3, 3), "auto_pad", "SAME_UPPER", "strides", of(2, 2)),
                conv("SAME_LOWER", of(1, 2, 6, 6), of(3, 2, 4, 4), "auto_pad", "SAME_LOWER", "strides", of(2, 2)),
                conv("VALID", of(1, 2, 6, 6), of(3, 2, 3, 3), "auto_pad", "VALID", "kernel_shape", of(3, 3)),
                conv("one axis", of(2, 3, 9), of(4, 3, 3), "strides", of(2), "pads", of(1, 0)),
                conv(
                        "three axes",
                        of(1, 2, 4, 5, 4),
                        of(3, 2, 2, 3, 2),
                        "strides",
                        of(1, 2, 1),
                        "pads",
                        of(0, 1, 0, 0, 1, 1)),
                conv("large window", of(2, 2, 16, 17), of(3, 2, 8, 8), "strides", of(8, 8)),
                conv(
                        "large window, groups and dilations",
                        of(2, 4, 20, 20),
                        of(6, 2, 8, 8),
                        "group",
                        2,
                        "dilations",
                        of(2, 1),
                        "strides",
                        of(2, 3),
                        "pads",
                        of(1, 0, 2, 1))));
        cases.addAll(List.of(
                convTranspose("plain", of(2, 3, 4, 4), of(3, 2, 3, 3)),
                convTranspose(
                        "strides, pads", of(2, 3, 4, 4), of(3, 2, 3, 3), "strides", of(2, 2), "pads", of(1, 1, 1, 1)),
                convTranspose(
                        "output_padding",
                        of(1, 3, 4, 3),
                        of(3, 2, 3, 3),
                        "strides",
                        of(2, 2),
                        "pads",
                        of(1, 0, 1, 0),
                        "output_padding",
                        of(1, 1)),
                convTranspose(
                        "output_shape", of(1, 3, 4, 4), of(3, 2, 3, 3), "strides", of(2, 2), "output_shape", of(8, 8)),
                convTranspose(
                        "SAME_UPPER", of(1, 3, 4, 4), of(3, 2, 3, 3), "strides", of(2, 2), "auto_pad", "SAME_UPPER"),
                convTranspose(
                        "SAME_UPPER, uneven",
                        of(1, 3, 4, 4),
                        of(3, 2, 5, 4),
                        "strides",
                        of(2, 1),
                        "auto_pad",
                        "SAME_UPPER"),
                convTranspose(
                        "SAME_LOWER, uneven",
                        of(1, 3, 4, 4),
                        of(3, 2, 5, 4),
                        "strides",
                        of(2, 1),
                        "auto_pad",
                        "SAME_LOWER"),
                convTranspose(
                        "output_shape, much cut off",
                        of(1, 3, 4, 4),
                        of(3, 2, 3, 3),
                        "strides",
                        of(2, 2),
                        "output_shape",
                        of(6, 5)),
                convTranspose("groups", of(2, 4, 3, 3), of(4, 3, 3, 3), "group", 2),
                convTranspose("dilations", of(1, 2, 4, 4), of(2, 3, 2, 2), "dilations", of(2, 2)),
                convTranspose("one axis", of(2, 3, 4), of(3, 2, 3), "strides", of(2)),
                convTranspose("three axes", of(1, 2, 3, 3, 2), of(2, 2, 2, 2, 2), "strides", of(1, 2, 1))));
        cases.add(one("ConvTranspose with bias")
                .trained("x", 1, 2, 3, 3)
                .trained("w", 2, 3, 2, 2)
                .trained("b", 3)
                .op("ConvTranspose", List.of("x", "w", "b"), "y"));
        return cases;
    }

    private static List<Case> pools() {
        var cases = new ArrayList<Case>();
        for (String op : List.of("MaxPool", "AveragePool")) {
            cases.addAll(List.of(
                    pool(op, "plain", of(2, 3, 4, 4), "kernel_shape", of(2, 2), "strides", of(2, 2)),
                    pool(
                            op,
                            "overlapping, pads",
                            of(2, 2, 5, 5),
                            "kernel_shape",
                            of(3, 3),
                            "strides",
                            of(2, 2),
                            "pads",
                            of(1, 1, 1, 1)),
                    pool(
                            op,
                            "ceil_mode",
                            of(1, 2, 6, 6),
                            "kernel_shape",
                            of(3, 3),
                            "strides",
                            of(2, 2),
                            "ceil_mode",
                            1),
                    pool(
                            op,
                            "ceil_mode, pads",
                            of(1, 2, 7, 8),
                            "kernel_shape",
                            of(3, 3),
                            "strides",
                            of(3, 2),
                            "ceil_mode",
                            1,
                            "pads",
                            of(1, 1, 1, 1)),
                    pool(op, "dilations", of(1, 2, 7, 7), "kernel_shape", of(2, 3), "dilations", of(2, 2)),
                    pool(
                            op,
                            "SAME_UPPER",
                            of(1, 2, 5, 5),
                            "kernel_shape",
                            of(2, 2),
                            "auto_pad",
                            "SAME_UPPER",
                            "strides",
                            of(2, 2)),
                    pool(op, "one axis", of(2, 2, 7), "kernel_shape", of(3), "strides", of(2)),
                    pool(op, "three axes", of(1, 2, 4, 4, 4), "kernel_shape", of(2, 2, 2), "strides", of(2, 1, 2))));
        }
        cases.add(pool(
                "AveragePool",
                "count_include_pad",
                of(2, 2, 5, 5),
                "kernel_shape",
                of(3, 3),
                "strides",
                of(2, 2),
                "pads",
                of(1, 1, 1, 1),
                "count_include_pad",
                1));
        cases.add(pool(
                "AveragePool",
                "count_include_pad, ceil_mode",
                of(1, 1, 6, 6),
                "kernel_shape",
                of(3, 3),
                "strides",
                of(2, 2),
                "pads",
                of(0, 1, 0, 1),
                "count_include_pad",
                1,
                "ceil_mode",
                1));
        cases.add(pool(
                "AveragePool",
                "padded behind one axis, the padding counted",
                of(1, 2, 5, 6),
                "kernel_shape",
                of(3, 3),
                "strides",
                of(2, 2),
                "pads",
                of(0, 0, 0, 1),
                "count_include_pad",
                1));
        cases.add(pool(
                "AveragePool",
                "dilations, pads",
                of(1, 2, 7, 7),
                "kernel_shape",
                of(2, 3),
                "dilations",
                of(2, 2),
                "pads",
                of(1, 2, 1, 2)));
        cases.add(pool("MaxPool", "plain", of(2, 3, 4, 4), "kernel_shape", of(2, 2), "strides", of(2, 2))
                .open());
        cases.add(pool("GlobalAveragePool", "", of(2, 3, 4, 2)));
        return cases;
    }

    private static List<Case> resizing() {
        var cases = new ArrayList<Case>();
        for (String mode : List.of("nearest", "linear")) {
            for (String coordinates : List.of(
                    "half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric")) {
                cases.add(one("Resize " + mode + " " + coordinates)
                        .trained("x", 1, 2, 4, 5)
                        .constant("sizes", 1, 2, 7, 3)
                        .op(
                                "Resize",
                                with("mode", mode, "coordinate_transformation_mode", coordinates),
                                List.of("x", "", "", "sizes"),
                                "y"));
            }
            cases.add(one("Resize " + mode + " by scales")
                    .trained("x", 1, 2, 4, 5)
                    .constant("scales", Tensor.vector(1f, 1f, 2f, 1.5f))
                    .op("Resize", with("mode", mode), List.of("x", "", "scales"), "y"));
        }
        for (String coordinates :
                List.of("half_pixel", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric")) {
            cases.add(one("Resize to one, " + coordinates)
                    .trained("x", 1, 2, 4, 5)
                    .constant("sizes", 1, 2, 1, 1)
                    .op(
                            "Resize",
                            with("mode", "linear", "coordinate_transformation_mode", coordinates),
                            List.of("x", "", "", "sizes"),
                            "y"));
            cases.add(one("Resize by an uneven scale, " + coordinates)
                    .trained("x", 1, 2, 4, 5)
                    .constant("scales", Tensor.vector(1f, 1f, 1.3f, 1.7f))
                    .op(
                            "Resize",
                            with("mode", "linear", "coordinate_transformation_mode", coordinates),
                            List.of("x", "", "scales"),
                            "y"));
        }
        cases.add(one("Resize, no scales given")
                .trained("x", 1, 2, 4, 5)
                .constant("none", Tensor.zeros(DataType.FLOAT, 0))
                .constant("sizes", 1, 2, 7, 3)
                .op("Resize", with("mode", "linear"), List.of("x", "", "none", "sizes"), "y"));
        for (String rounding : List.of("round_prefer_ceil", "floor", "ceil")) {
            cases.add(one("Resize nearest " + rounding)
                    .trained("x", 1, 2, 4, 5)
                    .constant("sizes", 1, 2, 8, 10)
                    .op(
                            "Resize",
                            with(
                                    "mode",
                                    "nearest",
                                    "coordinate_transformation_mode",
                                    "asymmetric",
                                    "nearest_mode",
                                    rounding),
                            List.of("x", "", "", "sizes"),
                            "y"));
        }
        return cases;
    }
}
