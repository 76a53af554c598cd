package dev.quantline.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The cases of {@link RulesTest}: every operator with every attribute variant, broadcasts, size-1 axes, rank 0. */
final class RuleCases {
    private RuleCases() {
    }

    static Stream<Case> all() {
        return Stream.of(arithmetic(), functions(), reductions(), normalizations(), products(), windows(), resizing(),
            movement(), indexing()).flatMap(List::stream);
    }

    private static Map<String, Object> with(Object... pairs) {
        var attributes = new LinkedHashMap<String, Object>();
        for (int i = 0; i < pairs.length; i += 2) {
            attributes.put((String) pairs[i], pairs[i + 1]);
        }
        return attributes;
    }

    private static long[] of(long... values) {
        return values;
    }

    private static Case one(String name) {
        return new Case(name);
    }

    private static Case unary(String op, double low, double high, Object... attributes) {
        return one(op + " " + with(attributes)).spaced("x", low, high, 3, 4).op(op, with(attributes), List.of("x"), "y");
    }

    private static List<Case> arithmetic() {
        var cases = new ArrayList<Case>();
        for (String op : List.of("Add", "Sub", "Mul", "Div")) {
            for (var shapes : List.of(List.of(of(2, 3), of(2, 3)), List.of(of(2, 3), of(3)), List.of(of(2, 1), of(1, 3)),
                List.of(of(), of(2, 3)), List.of(of(2, 3), of(1)), List.of(of(), of()), List.of(of(3, 1), of(2, 3, 4)))) {
                cases.add(binary(op, shapes.getFirst(), shapes.getLast()));
            }
            cases.add(binary(op, of(3, 1), of(2, 3, 4)).open());
            cases.add(binary(op, of(2, 3, 4), of(4)).open());
        }
        cases.add(one("Mul of a tensor with itself").trained("x", 3).op("Mul", List.of("x", "x"), "y"));
        cases.add(one("Pow 2").trained("x", 4).constant("p", Tensor.scalar(2)).op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow 3").trained("x", 4).constant("p", Tensor.scalar(3)).op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow -0.5").ranged("x", .5, 2, 4).constant("p", Tensor.scalar(-0.5f)).op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow, integer exponent").trained("x", 4).constant("p", Tensor.vector(3L)).op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow, trained exponent").ranged("x", .5, 2, 2, 3).trained("p", 3).op("Pow", List.of("x", "p"), "y"));
        for (String op : List.of("Max", "Min", "Sum", "Mean")) {
            cases.add(one(op + " of three").spaced("a", -1, 1, 2, 3).spaced("b", -.9, 1.2, 3).spaced("c", -1.1, .9, 2, 1)
                .op(op, List.of("a", "b", "c"), "y"));
        }
        cases.add(one("Where").trained("a", 2, 3).trained("b", 3)
            .constant("c", Tensor.of(DataType.BOOL, new byte[] {1, 0}, 2, 1)).op("Where", List.of("c", "a", "b"), "y"));
        cases.add(one("Clip").spaced("x", -1, 1, 3, 4).ranged("lo", -.5, -.4).ranged("hi", .4, .5)
            .op("Clip", List.of("x", "lo", "hi"), "y"));
        cases.add(one("Clip above").spaced("x", -1, 1, 3, 4).ranged("hi", .4, .5).op("Clip", List.of("x", "", "hi"), "y"));
        for (int exclusive = 0; exclusive < 2; exclusive++) {
            for (int reverse = 0; reverse < 2; reverse++) {
                cases.add(one("CumSum exclusive " + exclusive + " reverse " + reverse).trained("x", 2, 4)
                    .constant("axis", Tensor.of(new int[] {-1})).op("CumSum",
                        with("exclusive", exclusive, "reverse", reverse), List.of("x", "axis"), "y"));
            }
        }
        return cases;
    }

    private static Case binary(String op, long[] a, long[] b) {
        return one(op + " " + List.of(Arrays.toString(a), Arrays.toString(b))).ranged("a", .5, 2, a)
            .ranged("b", .5, 2, b).op(op, List.of("a", "b"), "y");
    }

    private static List<Case> functions() {
        var cases = new ArrayList<>(List.of(unary("Neg", -1, 1), unary("Abs", -1, 1), unary("Sqrt", .1, 2),
            unary("Reciprocal", .3, 2), unary("Exp", -1, 1), unary("Log", .1, 2), unary("Erf", -2, 2), unary("Sin", -2, 2),
            unary("Cos", -2, 2), unary("Tan", -1, 1), unary("Atan", -2, 2), unary("Tanh", -2, 2), unary("Sigmoid", -3, 3),
            unary("Softplus", -3, 3), unary("Relu", -1, 1), unary("HardSwish", -5, 5), unary("LeakyRelu", -1, 1),
            unary("LeakyRelu", -1, 1, "alpha", 0.3f), unary("Elu", -2, 2), unary("Elu", -2, 2, "alpha", 1.5f),
            unary("HardSigmoid", -5, 5), unary("HardSigmoid", -5, 5, "alpha", 0.15f, "beta", 0.4f), unary("Gelu", -3, 3),
            unary("Gelu", -3, 3, "approximate", "tanh")));
        cases.add(one("PRelu").spaced("x", -1, 1, 2, 3, 4).trained("slope", 3, 1).op("PRelu", List.of("x", "slope"), "y"));
        cases.add(one("a function of rank 0").ranged("x", .5, 1).op("Exp", List.of("x"), "y"));
        return cases;
    }

    private static List<Case> reductions() {
        var cases = new ArrayList<Case>();
        for (String op : List.of("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
            "ReduceSumSquare", "ReduceLogSumExp")) {
            for (int keep = 0; keep < 2; keep++) {
                cases.add(one(op + " keepdims " + keep).spaced("x", -1.1, 1, 2, 3, 4).constant("axes", 0, -1)
                    .op(op, with("keepdims", keep), List.of("x", "axes"), "y"));
                cases.add(one(op + " of everything, keepdims " + keep).spaced("x", -1.1, 1, 2, 3)
                    .op(op, with("keepdims", keep), List.of("x"), "y"));
            }
            cases.add(one(op).spaced("x", -1.1, 1, 2, 3, 4).constant("axes", 1)
                .op(op, with("keepdims", 0), List.of("x", "axes"), "y").open());
        }
        for (String op : List.of("ReduceSum", "ReduceMean", "ReduceMax")) {
            cases.add(one(op + " of nothing").spaced("x", -1, 1, 2, 3).op(op, with("noop_with_empty_axes", 1), List.of("x"), "y"));
        }
        return cases;
    }

    private static List<Case> normalizations() {
        var cases = new ArrayList<Case>();
        for (String op : List.of("Softmax", "LogSoftmax")) {
            for (int axis : List.of(-1, 0, 1)) {
                cases.add(one(op + " axis " + axis).ranged("x", -2, 2, 2, 3, 4).op(op, with("axis", axis), List.of("x"), "y"));
            }
            cases.add(one(op).ranged("x", -2, 2, 2, 3).op(op, List.of("x"), "y").open());
        }
        cases.add(one("LayerNormalization").trained("x", 2, 3, 5).ranged("s", .5, 2, 5).trained("b", 5)
            .op("LayerNormalization", List.of("x", "s", "b"), "y"));
        cases.add(one("LayerNormalization over two axes, no bias").trained("x", 2, 3, 5).ranged("s", .5, 2, 3, 5)
            .op("LayerNormalization", with("axis", 1, "epsilon", 0.1f), List.of("x", "s"), "y"));
        cases.add(one("LayerNormalization of few channels").trained("x", 4, 2).ranged("s", .5, 2, 2).trained("b", 2)
            .op("LayerNormalization", with("axis", -1, "epsilon", 0.01f), List.of("x", "s", "b"), "y"));
        cases.add(one("BatchNormalization").trained("x", 2, 3, 2, 2).ranged("s", .5, 2, 3).trained("b", 3).trained("m", 3)
            .ranged("v", .5, 2, 3).op("BatchNormalization", List.of("x", "s", "b", "m", "v"), "y"));
        cases.add(one("BatchNormalization of rows").trained("x", 4, 3).ranged("s", .5, 2, 3).trained("b", 3).trained("m", 3)
            .ranged("v", .5, 2, 3).op("BatchNormalization", with("epsilon", 0.1f), List.of("x", "s", "b", "m", "v"), "y"));
        cases.add(one("InstanceNormalization").trained("x", 2, 3, 4, 2).ranged("s", .5, 2, 3).trained("b", 3)
            .op("InstanceNormalization", List.of("x", "s", "b"), "y"));
        cases.add(one("InstanceNormalization, one axis").trained("x", 2, 3, 5).ranged("s", .5, 2, 3).trained("b", 3)
            .op("InstanceNormalization", with("epsilon", 0.1f), List.of("x", "s", "b"), "y"));
        return cases;
    }

    private static List<Case> products() {
        var cases = new ArrayList<Case>();
        for (var shapes : List.of(List.of(of(2, 3), of(3, 4)), List.of(of(5, 2, 3), of(3, 4)), List.of(of(2, 5, 2, 3), of(3, 4)),
            List.of(of(2, 3), of(5, 3, 4)), List.of(of(2, 5, 2, 3), of(2, 5, 3, 4)), List.of(of(2, 1, 2, 3), of(5, 3, 4)),
            List.of(of(1, 5, 2, 3), of(2, 1, 3, 1)), List.of(of(3), of(3)), List.of(of(3), of(3, 4)), List.of(of(2, 3), of(3)),
            List.of(of(5, 2, 3), of(3)), List.of(of(3), of(5, 3, 4)))) {
            cases.add(matMul(shapes.getFirst(), shapes.getLast()));
        }
        cases.add(matMul(of(2, 3), of(3, 4)).open());
        cases.add(matMul(of(5, 2, 3), of(3, 4)).open());
        cases.add(matMul(of(2, 1, 2, 3), of(2, 5, 3, 4)).open());
        for (int transA = 0; transA < 2; transA++) {
            for (int transB = 0; transB < 2; transB++) {
                for (var c : List.of(of(4), of(2, 1), of(), of(2, 4))) {
                    cases.add(one("Gemm transA " + transA + " transB " + transB + " C " + c.length)
                        .trained("a", transA == 0 ? of(2, 3) : of(3, 2)).trained("b", transB == 0 ? of(3, 4) : of(4, 3)).trained("c", c)
                        .op("Gemm", with("transA", transA, "transB", transB, "alpha", 0.7f, "beta", 1.3f), List.of("a", "b", "c"), "y"));
                }
            }
        }
        cases.add(one("Gemm without C").trained("a", 2, 3).trained("b", 3, 4).op("Gemm", List.of("a", "b"), "y").open());
        cases.add(einsum("bij,bjk->bik", of(2, 3, 4), of(2, 4, 5)));
        cases.add(einsum("bhid,bhjd->bhij", of(2, 2, 3, 4), of(2, 2, 5, 4)));
        cases.add(einsum("ij,jk", of(2, 3), of(3, 4)));
        cases.add(einsum("...i,ij->...j", of(2, 3, 4), of(4, 5)));
        cases.add(einsum("ij,kj->ik", of(2, 3), of(4, 3)));
        cases.add(einsum("i,j->ij", of(2), of(3)));
        cases.add(einsum("ij,k->ik", of(2, 3), of(4)));
        cases.add(one("Einsum ij->j").trained("a", 2, 3).op("Einsum", with("equation", "ij->j"), List.of("a"), "y"));
        cases.add(one("Einsum of three").trained("a", 2, 3).trained("b", 3, 4).trained("c", 4, 2)
            .op("Einsum", with("equation", "ij,jk,kl->il"), List.of("a", "b", "c"), "y"));
        return cases;
    }

    private static Case matMul(long[] a, long[] b) {
        return one("MatMul " + Arrays.toString(a) + " " + Arrays.toString(b)).trained("a", a).trained("b", b)
            .op("MatMul", List.of("a", "b"), "y");
    }

    private static Case einsum(String equation, long[] a, long[] b) {
        return one("Einsum " + equation).trained("a", a).trained("b", b)
            .op("Einsum", with("equation", equation), List.of("a", "b"), "y");
    }

    private static Case conv(String name, long[] x, long[] w, Object... attributes) {
        return one("Conv " + name).trained("x", x).trained("w", w).trained("b", w[0])
            .op("Conv", with(attributes), List.of("x", "w", "b"), "y");
    }

    private static Case convTranspose(String name, long[] x, long[] w, Object... attributes) {
        return one("ConvTranspose " + name).trained("x", x).trained("w", w)
            .op("ConvTranspose", with(attributes), List.of("x", "w"), "y");
    }

    private static Case pool(String op, String name, long[] x, Object... attributes) {
        return one(op + " " + name).spaced("x", -1, 1, x).op(op, with(attributes), List.of("x"), "y");
    }

    private static List<Case> windows() {
        var cases = new ArrayList<>(List.of(conv("plain", of(2, 3, 5, 5), of(4, 3, 3, 3)),
            conv("1x1", of(2, 3, 4, 4), of(5, 3, 1, 1)), conv("1x1 strided", of(2, 3, 5, 5), of(5, 3, 1, 1), "strides", of(2, 2)),
            conv("strides, pads", of(2, 3, 6, 7), of(4, 3, 3, 3), "strides", of(2, 2), "pads", of(1, 1, 1, 1)),
            conv("uneven pads", of(1, 2, 6, 5), of(3, 2, 3, 2), "strides", of(3, 2), "pads", of(0, 1, 2, 0)),
            conv("dilations", of(2, 2, 8, 8), of(3, 2, 3, 3), "dilations", of(2, 3), "pads", of(1, 2, 1, 2)),
            conv("dilations and strides", of(1, 2, 9, 9), of(3, 2, 2, 2), "dilations", of(3, 2), "strides", of(2, 3)),
            conv("groups", of(2, 4, 5, 5), of(6, 2, 3, 3), "group", 2), conv("depthwise", of(2, 4, 5, 5), of(4, 1, 3, 3), "group", 4, "pads", of(1, 1, 1, 1)),
            conv("depthwise with multiplier", of(2, 3, 5, 5), of(6, 1, 3, 3), "group", 3, "strides", of(2, 2)),
            conv("SAME_UPPER", of(1, 2, 6, 6), of(3, 2, 3, 3), "auto_pad", "SAME_UPPER", "strides", of(2, 2)),
            conv("SAME_LOWER", of(1, 2, 6, 6), of(3, 2, 4, 4), "auto_pad", "SAME_LOWER", "strides", of(2, 2)),
            conv("VALID", of(1, 2, 6, 6), of(3, 2, 3, 3), "auto_pad", "VALID", "kernel_shape", of(3, 3)),
            conv("one axis", of(2, 3, 9), of(4, 3, 3), "strides", of(2), "pads", of(1, 0)),
            conv("three axes", of(1, 2, 4, 5, 4), of(3, 2, 2, 3, 2), "strides", of(1, 2, 1), "pads", of(0, 1, 0, 0, 1, 1)),
            conv("large window", of(2, 2, 16, 17), of(3, 2, 8, 8), "strides", of(8, 8)),
            conv("large window, groups and dilations", of(2, 4, 20, 20), of(6, 2, 8, 8), "group", 2, "dilations", of(2, 1), "strides", of(2, 3), "pads", of(1, 0, 2, 1))));
        cases.addAll(List.of(convTranspose("plain", of(2, 3, 4, 4), of(3, 2, 3, 3)),
            convTranspose("strides, pads", of(2, 3, 4, 4), of(3, 2, 3, 3), "strides", of(2, 2), "pads", of(1, 1, 1, 1)),
            convTranspose("output_padding", of(1, 3, 4, 3), of(3, 2, 3, 3), "strides", of(2, 2), "pads", of(1, 0, 1, 0), "output_padding", of(1, 1)),
            convTranspose("output_shape", of(1, 3, 4, 4), of(3, 2, 3, 3), "strides", of(2, 2), "output_shape", of(8, 8)),
            convTranspose("SAME_UPPER", of(1, 3, 4, 4), of(3, 2, 3, 3), "strides", of(2, 2), "auto_pad", "SAME_UPPER"),
            convTranspose("groups", of(2, 4, 3, 3), of(4, 3, 3, 3), "group", 2),
            convTranspose("dilations", of(1, 2, 4, 4), of(2, 3, 2, 2), "dilations", of(2, 2)),
            convTranspose("one axis", of(2, 3, 4), of(3, 2, 3), "strides", of(2)),
            convTranspose("three axes", of(1, 2, 3, 3, 2), of(2, 2, 2, 2, 2), "strides", of(1, 2, 1))));
        cases.add(one("ConvTranspose with bias").trained("x", 1, 2, 3, 3).trained("w", 2, 3, 2, 2).trained("b", 3)
            .op("ConvTranspose", List.of("x", "w", "b"), "y"));
        for (String op : List.of("MaxPool", "AveragePool")) {
            cases.addAll(List.of(pool(op, "plain", of(2, 3, 4, 4), "kernel_shape", of(2, 2), "strides", of(2, 2)),
                pool(op, "overlapping, pads", of(2, 2, 5, 5), "kernel_shape", of(3, 3), "strides", of(2, 2), "pads", of(1, 1, 1, 1)),
                pool(op, "ceil_mode", of(1, 2, 6, 6), "kernel_shape", of(3, 3), "strides", of(2, 2), "ceil_mode", 1),
                pool(op, "ceil_mode, pads", of(1, 2, 7, 8), "kernel_shape", of(3, 3), "strides", of(3, 2), "ceil_mode", 1, "pads", of(1, 1, 1, 1)),
                pool(op, "dilations", of(1, 2, 7, 7), "kernel_shape", of(2, 3), "dilations", of(2, 2)),
                pool(op, "SAME_UPPER", of(1, 2, 5, 5), "kernel_shape", of(2, 2), "auto_pad", "SAME_UPPER", "strides", of(2, 2)),
                pool(op, "one axis", of(2, 2, 7), "kernel_shape", of(3), "strides", of(2)),
                pool(op, "three axes", of(1, 2, 4, 4, 4), "kernel_shape", of(2, 2, 2), "strides", of(2, 1, 2))));
        }
        cases.add(pool("AveragePool", "count_include_pad", of(2, 2, 5, 5), "kernel_shape", of(3, 3), "strides", of(2, 2),
            "pads", of(1, 1, 1, 1), "count_include_pad", 1));
        cases.add(pool("AveragePool", "count_include_pad, ceil_mode", of(1, 1, 6, 6), "kernel_shape", of(3, 3), "strides", of(2, 2),
            "pads", of(0, 1, 0, 1), "count_include_pad", 1, "ceil_mode", 1));
        cases.add(pool("GlobalAveragePool", "", of(2, 3, 4, 2)));
        return cases;
    }

    private static List<Case> resizing() {
        var cases = new ArrayList<Case>();
        for (String mode : List.of("nearest", "linear")) {
            for (String coordinates : List.of("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric")) {
                cases.add(one("Resize " + mode + " " + coordinates).trained("x", 1, 2, 4, 5).constant("sizes", 1, 2, 7, 3)
                    .op("Resize", with("mode", mode, "coordinate_transformation_mode", coordinates), List.of("x", "", "", "sizes"), "y"));
            }
            cases.add(one("Resize " + mode + " by scales").trained("x", 1, 2, 4, 5)
                .constant("scales", Tensor.vector(1f, 1f, 2f, 1.5f))
                .op("Resize", with("mode", mode), List.of("x", "", "scales"), "y"));
        }
        for (String rounding : List.of("round_prefer_ceil", "floor", "ceil")) {
            cases.add(one("Resize nearest " + rounding).trained("x", 1, 2, 4, 5).constant("sizes", 1, 2, 8, 10)
                .op("Resize", with("mode", "nearest", "coordinate_transformation_mode", "asymmetric", "nearest_mode", rounding),
                    List.of("x", "", "", "sizes"), "y"));
        }
        return cases;
    }

    private static List<Case> movement() {
        var cases = new ArrayList<Case>();
        cases.add(unary("Identity", -1, 1));
        cases.add(one("Dropout").trained("x", 3).op("Dropout", List.of("x"), "y"));
        cases.add(one("Cast there and back").trained("x", 3).op("Cast", with("to", DataType.FLOAT.code()), List.of("x"), "f")
            .op("Cast", with("to", DataType.DOUBLE.code()), List.of("f"), "d").op("Cast", with("to", DataType.FLOAT.code()), List.of("d"), "y"));
        cases.add(one("Reshape").trained("x", 2, 3, 4).constant("shape", 0, -1).op("Reshape", List.of("x", "shape"), "y"));
        cases.add(one("Reshape").trained("x", 2, 3, 4).constant("shape", 0, -1).op("Reshape", List.of("x", "shape"), "y").open());
        cases.add(one("Reshape to rank 0").trained("x", 1, 1).constant("shape", Tensor.of(new long[0], 0)).op("Reshape", List.of("x", "shape"), "y"));
        cases.add(unary("Flatten", -1, 1, "axis", 0));
        cases.add(unary("Flatten", -1, 1, "axis", -1));
        cases.add(one("Squeeze").trained("x", 2, 1, 3, 1).constant("axes", 1, -1).op("Squeeze", List.of("x", "axes"), "y"));
        cases.add(one("Squeeze everything").trained("x", 2, 1, 3, 1).op("Squeeze", List.of("x"), "y"));
        cases.add(one("Unsqueeze").trained("x", 2, 3).constant("axes", -1, 0).op("Unsqueeze", List.of("x", "axes"), "y"));
        cases.add(one("Transpose").trained("x", 2, 3, 4).op("Transpose", List.of("x"), "y"));
        cases.add(one("Transpose by a permutation").trained("x", 2, 3, 4).op("Transpose", with("perm", of(2, 0, 1)), List.of("x"), "y"));
        cases.add(one("Expand").trained("x", 3, 1).constant("shape", 2, 1, 4).op("Expand", List.of("x", "shape"), "y"));
        cases.add(one("Tile").trained("x", 2, 3).constant("repeats", 3, 2).op("Tile", List.of("x", "repeats"), "y"));
        for (int axis : List.of(1, -1, 0)) {
            cases.add(one("Concat axis " + axis).trained("a", 2, 3).trained("b", axis == 0 ? of(4, 3) : of(2, 1)).trained("c", 2, 3)
                .op("Concat", with("axis", axis), List.of("a", "b", "c"), "y"));
        }
        cases.add(one("Concat").trained("a", 2, 3).trained("b", 2, 1).op("Concat", with("axis", 1), List.of("a", "b"), "y").open());
        cases.add(one("Split").trained("x", 2, 6).constant("sizes", 1, 3, 2).op("Split", with("axis", -1), List.of("x", "sizes"), "a", "b", "c"));
        cases.add(one("Split evenly").trained("x", 4, 3).op("Split", with("axis", 0, "num_outputs", 2), List.of("x"), "a", "b"));
        cases.add(one("Split, one part read").trained("x", 2, 6).constant("sizes", 1, 3, 2)
            .op("Split", with("axis", 1), List.of("x", "sizes"), "a", "b", "c").op("Neg", List.of("b"), "y").op("Shape", List.of("a"), "s")
            .op("Shape", List.of("c"), "t").op("Cast", with("to", 1), List.of("s"), "u").op("Cast", with("to", 1), List.of("t"), "v"));
        for (String mode : List.of("DCR", "CRD")) {
            cases.add(one("DepthToSpace " + mode).trained("x", 2, 8, 2, 3)
                .op("DepthToSpace", with("blocksize", 2, "mode", mode), List.of("x"), "y"));
        }
        cases.add(one("SpaceToDepth").trained("x", 2, 2, 4, 6).op("SpaceToDepth", with("blocksize", 2), List.of("x"), "y"));
        return cases;
    }

    private static Case slice(String name, long[] starts, long[] ends, long[] axes, long[] steps) {
        return one("Slice " + name).trained("x", 4, 5, 3).constant("starts", starts).constant("ends", ends).constant("axes", axes)
            .constant("steps", steps).op("Slice", List.of("x", "starts", "ends", "axes", "steps"), "y");
    }

    private static List<Case> indexing() {
        var cases = new ArrayList<>(List.of(slice("plain", of(1, 0), of(3, 2), of(0, 1), of(1, 1)),
            slice("negative", of(-3), of(-1), of(-2), of(1)), slice("to the end", of(2), of(Long.MAX_VALUE), of(1), of(1)),
            slice("steps", of(0), of(5), of(1), of(2)), slice("backward", of(-1, 3), of(Long.MIN_VALUE, 0), of(0, 1), of(-1, -2)),
            slice("plain", of(1, 0), of(3, 2), of(0, 1), of(1, 1)).open()));
        cases.add(one("Slice without axes").trained("x", 4, 5).constant("starts", 1, 2).constant("ends", 3, 5)
            .op("Slice", List.of("x", "starts", "ends"), "y"));
        for (String mode : List.of("constant", "reflect", "edge", "wrap")) {
            cases.add(one("Pad " + mode).trained("x", 3, 4).constant("pads", 1, 2, 2, 1)
                .op("Pad", with("mode", mode), List.of("x", "pads"), "y"));
        }
        cases.add(one("Pad, trained value").trained("x", 3, 4).trained("value").constant("pads", 0, 1, 2, 1)
            .op("Pad", List.of("x", "pads", "value"), "y"));
        cases.add(one("Pad, negative").trained("x", 3, 4).constant("pads", -1, 2, 1, -2).op("Pad", List.of("x", "pads"), "y"));
        cases.add(one("Pad, axes").trained("x", 3, 4).constant("pads", 1, 2).constant("axes", -1)
            .op("Pad", List.of("x", "pads", "", "axes"), "y"));
        for (int axis : List.of(0, 1, -1)) {
            cases.add(one("Gather axis " + axis).trained("x", 3, 4, 3).constant("i", Tensor.of(new long[] {0, 2, -1, 0}, 2, 2))
                .op("Gather", with("axis", axis), List.of("x", "i"), "y"));
            cases.add(one("Gather one, axis " + axis).trained("x", 3, 4, 3).constant("i", Tensor.of(new long[] {1}))
                .op("Gather", with("axis", axis), List.of("x", "i"), "y"));
        }
        cases.add(one("Gather, 32-bit indices").trained("x", 3, 4).constant("i", Tensor.of(new int[] {2, 2, 0}, 3))
            .op("Gather", List.of("x", "i"), "y"));
        for (int axis : List.of(0, -1)) {
            cases.add(one("GatherElements axis " + axis).trained("x", 3, 3).constant("i", Tensor.of(new long[] {0, 2, -1, 0, 1, 1}, 2, 3))
                .op("GatherElements", with("axis", axis), List.of("x", "i"), "y"));
        }
        return cases;
    }
}
