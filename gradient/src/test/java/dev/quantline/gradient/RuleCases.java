package dev.quantline.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

import static dev.quantline.gradient.Case.of;
import static dev.quantline.gradient.Case.one;
import static dev.quantline.gradient.Case.with;

/**
 * The cases of {@link RulesTest}: every operator with every attribute variant, broadcasts, axes of size 1, rank 0. This
 * file has arithmetic, functions, reductions, normalisations and products.
 */
final class RuleCases {
    private RuleCases() {}

    static Stream<Case> all() {
        return Stream.of(
                        arithmetic(),
                        functions(),
                        reductions(),
                        normalizations(),
                        products(),
                        WindowCases.all(),
                        MovementCases.all())
                .flatMap(List::stream);
    }

    static Case unary(String op, double low, double high, Object... attributes) {
        return one(op + " " + with(attributes))
                .spaced("x", low, high, 3, 4)
                .op(op, with(attributes), List.of("x"), "y");
    }

    private static List<Case> arithmetic() {
        var cases = new ArrayList<Case>();
        for (String op : List.of("Add", "Sub", "Mul", "Div")) {
            for (var shapes : List.of(
                    List.of(of(2, 3), of(2, 3)),
                    List.of(of(2, 3), of(3)),
                    List.of(of(2, 1), of(1, 3)),
                    List.of(of(), of(2, 3)),
                    List.of(of(2, 3), of(1)),
                    List.of(of(), of()),
                    List.of(of(3, 1), of(2, 3, 4)))) {
                cases.add(binary(op, shapes.getFirst(), shapes.getLast()));
            }
            cases.add(binary(op, of(3, 1), of(2, 3, 4)).open());
            cases.add(binary(op, of(2, 3, 4), of(4)).open());
        }
        cases.add(one("Mul of a tensor with itself").trained("x", 3).op("Mul", List.of("x", "x"), "y"));
        cases.add(one("Pow 2").trained("x", 4).constant("p", Tensor.scalar(2)).op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow 3").trained("x", 4).constant("p", Tensor.scalar(3)).op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow, an exponent each")
                .trained("x", 2, 3)
                .constant("p", Tensor.vector(2f, 3f, 1f))
                .op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow -0.5")
                .ranged("x", .5, 2, 4)
                .constant("p", Tensor.scalar(-0.5f))
                .op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow, integer exponent")
                .trained("x", 4)
                .constant("p", Tensor.vector(3L))
                .op("Pow", List.of("x", "p"), "y"));
        cases.add(one("Pow, trained exponent")
                .ranged("x", .5, 2, 2, 3)
                .trained("p", 3)
                .op("Pow", List.of("x", "p"), "y"));
        for (String op : List.of("Max", "Min", "Sum", "Mean")) {
            cases.add(one(op + " of three")
                    .spaced("a", -1, 1, 2, 3)
                    .spaced("b", -.9, 1.2, 3)
                    .spaced("c", -1.1, .9, 2, 1)
                    .op(op, List.of("a", "b", "c"), "y"));
        }
        cases.add(one("Where")
                .trained("a", 2, 3)
                .trained("b", 3)
                .constant("c", Tensor.of(DataType.BOOL, new byte[] {1, 0}, 2, 1))
                .op("Where", List.of("c", "a", "b"), "y"));
        cases.add(one("Clip")
                .spaced("x", -1, 1, 3, 4)
                .ranged("lo", -.5, -.4)
                .ranged("hi", .4, .5)
                .op("Clip", List.of("x", "lo", "hi"), "y"));
        cases.add(one("Clip above")
                .spaced("x", -1, 1, 3, 4)
                .ranged("hi", .4, .5)
                .op("Clip", List.of("x", "", "hi"), "y"));
        for (int exclusive = 0; exclusive < 2; exclusive++) {
            for (int reverse = 0; reverse < 2; reverse++) {
                cases.add(one("CumSum exclusive " + exclusive + " reverse " + reverse)
                        .trained("x", 2, 4)
                        .constant("axis", Tensor.of(new int[] {-1}))
                        .op("CumSum", with("exclusive", exclusive, "reverse", reverse), List.of("x", "axis"), "y"));
            }
        }
        return cases;
    }

    private static Case binary(String op, long[] a, long[] b) {
        return one(op + " " + List.of(Arrays.toString(a), Arrays.toString(b)))
                .ranged("a", .5, 2, a)
                .ranged("b", .5, 2, b)
                .op(op, List.of("a", "b"), "y");
    }

    private static List<Case> functions() {
        var cases = new ArrayList<>(List.of(
                unary("Neg", -1, 1),
                unary("Abs", -1, 1),
                unary("Sqrt", .1, 2),
                unary("Reciprocal", .3, 2),
                unary("Exp", -1, 1),
                unary("Log", .1, 2),
                unary("Erf", -2, 2),
                unary("Sin", -2, 2),
                unary("Cos", -2, 2),
                unary("Tan", -1, 1),
                unary("Atan", -2, 2),
                unary("Tanh", -2, 2),
                unary("Sigmoid", -3, 3),
                unary("Softplus", -3, 3),
                unary("Relu", -1, 1),
                unary("HardSwish", -5, 5),
                unary("LeakyRelu", -1, 1),
                unary("LeakyRelu", -1, 1, "alpha", 0.3f),
                unary("ThresholdedRelu", 0, 2),
                unary("ThresholdedRelu", -1, 1, "alpha", 0.2f),
                unary("Elu", -2, 2),
                unary("Elu", -2, 2, "alpha", 1.5f),
                unary("HardSigmoid", -5, 5),
                unary("HardSigmoid", -5, 5, "alpha", 0.15f, "beta", 0.4f),
                unary("Gelu", -3, 3),
                unary("Gelu", -3, 3, "approximate", "tanh")));
        cases.add(one("PRelu")
                .spaced("x", -1, 1, 2, 3, 4)
                .trained("slope", 3, 1)
                .op("PRelu", List.of("x", "slope"), "y"));
        cases.add(one("a function of rank 0").ranged("x", .5, 1).op("Exp", List.of("x"), "y"));
        return cases;
    }

    private static List<Case> reductions() {
        var cases = new ArrayList<Case>();
        for (String op : List.of(
                "ReduceSum",
                "ReduceMean",
                "ReduceMax",
                "ReduceMin",
                "ReduceL1",
                "ReduceL2",
                "ReduceSumSquare",
                "ReduceLogSumExp")) {
            for (int keep = 0; keep < 2; keep++) {
                cases.add(one(op + " keepdims " + keep)
                        .spaced("x", -1.1, 1, 2, 3, 4)
                        .constant("axes", 0, -1)
                        .op(op, with("keepdims", keep), List.of("x", "axes"), "y"));
                cases.add(one(op + " of everything, keepdims " + keep)
                        .spaced("x", -1.1, 1, 2, 3)
                        .op(op, with("keepdims", keep), List.of("x"), "y"));
            }
            cases.add(one(op).spaced("x", -1.1, 1, 2, 3, 4)
                    .constant("axes", 1)
                    .op(op, with("keepdims", 0), List.of("x", "axes"), "y")
                    .open());
        }
        for (String op : List.of("ReduceSum", "ReduceMean", "ReduceMax")) {
            cases.add(one(op + " of nothing, said by an empty list")
                    .spaced("x", -1, 1, 2, 3)
                    .constant("axes")
                    .op(op, with("noop_with_empty_axes", 1, "keepdims", 0), List.of("x", "axes"), "y"));
            cases.add(one(op + " of everything, said by an empty list")
                    .spaced("x", -1, 1, 2, 3)
                    .constant("axes")
                    .op(op, with("keepdims", 0), List.of("x", "axes"), "y"));
            cases.add(one(op + " of an axis, though none would be nothing")
                    .spaced("x", -1, 1, 2, 3)
                    .constant("axes", 1)
                    .op(op, with("noop_with_empty_axes", 1), List.of("x", "axes"), "y"));
            cases.add(one(op + " of nothing")
                    .spaced("x", -1, 1, 2, 3)
                    .op(op, with("noop_with_empty_axes", 1), List.of("x"), "y"));
        }
        return cases;
    }

    private static List<Case> normalizations() {
        var cases = new ArrayList<Case>();
        for (String op : List.of("Softmax", "LogSoftmax")) {
            for (int axis : List.of(-1, 0, 1)) {
                cases.add(one(op + " axis " + axis)
                        .ranged("x", -2, 2, 2, 3, 4)
                        .op(op, with("axis", axis), List.of("x"), "y"));
            }
            cases.add(one(op).ranged("x", -2, 2, 2, 3).op(op, List.of("x"), "y").open());
        }
        cases.add(one("Softmax of attention")
                .ranged("x", -2, 2, 2, 3, 4)
                .trained("v", 2, 4, 3)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z"));
        cases.add(one("Softmax, read twice")
                .ranged("x", -2, 2, 2, 3, 4)
                .trained("v", 4, 3)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z")
                .op("Neg", List.of("y"), "n"));
        // The short form for attention does not apply to any of these.
        cases.add(one("Softmax, broadcast by what it multiplies")
                .ranged("x", -2, 2, 1, 3, 4)
                .trained("v", 2, 4, 3)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z"));
        cases.add(one("Softmax, broadcast by what it multiplies")
                .ranged("x", -2, 2, 1, 3, 4)
                .trained("v", 2, 4, 3)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z")
                .open());
        cases.add(one("Softmax, broadcast by what it multiplies")
                .ranged("x", -2, 2, 1, 3, 4)
                .trained("v", 2, 4, 3)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z")
                .openFirst());
        cases.add(one("Softmax of another axis than is multiplied")
                .ranged("x", -2, 2, 2, 3, 4)
                .trained("v", 2, 4, 3)
                .op("Softmax", with("axis", 1), List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z"));
        cases.add(one("Softmax in a layer with a bias")
                .ranged("x", -2, 2, 3, 4)
                .trained("v", 4, 2)
                .trained("b", 2)
                .op("Softmax", List.of("x"), "y")
                .op("Gemm", with("alpha", 0.7f), List.of("y", "v", "b"), "z"));
        cases.add(one("Softmax on the right")
                .ranged("x", -2, 2, 2, 4, 4)
                .trained("v", 2, 3, 4)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("v", "y"), "z"));
        cases.add(one("Softmax of one row")
                .ranged("x", -2, 2, 4)
                .trained("v", 4, 3)
                .op("Softmax", List.of("x"), "y")
                .op("MatMul", List.of("y", "v"), "z"));
        cases.add(one("LayerNormalization whose mean is looked at")
                .trained("x", 3, 5)
                .ranged("s", .5, 2, 5)
                .trained("b", 5)
                .op("LayerNormalization", List.of("x", "s", "b"), "y", "mean")
                .op("Shape", List.of("mean"), "size")
                .op("Cast", with("to", DataType.FLOAT.code()), List.of("size"), "rows"));
        cases.add(one("LayerNormalization")
                .trained("x", 2, 3, 5)
                .ranged("s", .5, 2, 5)
                .trained("b", 5)
                .op("LayerNormalization", List.of("x", "s", "b"), "y"));
        cases.add(one("LayerNormalization over two axes, no bias")
                .trained("x", 2, 3, 5)
                .ranged("s", .5, 2, 3, 5)
                .op("LayerNormalization", with("axis", 1, "epsilon", 0.1f), List.of("x", "s"), "y"));
        cases.add(one("LayerNormalization of few channels")
                .trained("x", 4, 2)
                .ranged("s", .5, 2, 2)
                .trained("b", 2)
                .op("LayerNormalization", with("axis", -1, "epsilon", 0.01f), List.of("x", "s", "b"), "y"));
        cases.add(one("BatchNormalization")
                .trained("x", 2, 3, 2, 2)
                .ranged("s", .5, 2, 3)
                .trained("b", 3)
                .trained("m", 3)
                .ranged("v", .5, 2, 3)
                .op("BatchNormalization", List.of("x", "s", "b", "m", "v"), "y"));
        cases.add(one("BatchNormalization of rows")
                .trained("x", 4, 3)
                .ranged("s", .5, 2, 3)
                .trained("b", 3)
                .trained("m", 3)
                .ranged("v", .5, 2, 3)
                .op("BatchNormalization", with("epsilon", 0.1f), List.of("x", "s", "b", "m", "v"), "y"));
        cases.add(one("InstanceNormalization")
                .trained("x", 2, 3, 4, 2)
                .ranged("s", .5, 2, 3)
                .trained("b", 3)
                .op("InstanceNormalization", List.of("x", "s", "b"), "y"));
        cases.add(one("InstanceNormalization, one axis")
                .trained("x", 2, 3, 5)
                .ranged("s", .5, 2, 3)
                .trained("b", 3)
                .op("InstanceNormalization", with("epsilon", 0.1f), List.of("x", "s", "b"), "y"));
        return cases;
    }

    private static List<Case> products() {
        var cases = new ArrayList<Case>();
        for (var shapes : List.of(
                List.of(of(2, 3), of(3, 4)),
                List.of(of(5, 2, 3), of(3, 4)),
                List.of(of(2, 5, 2, 3), of(3, 4)),
                List.of(of(2, 3), of(5, 3, 4)),
                List.of(of(2, 5, 2, 3), of(2, 5, 3, 4)),
                List.of(of(2, 1, 2, 3), of(5, 3, 4)),
                List.of(of(1, 5, 2, 3), of(2, 1, 3, 1)),
                List.of(of(3), of(3)),
                List.of(of(3), of(3, 4)),
                List.of(of(2, 3), of(3)),
                List.of(of(5, 2, 3), of(3)),
                List.of(of(3), of(5, 3, 4)))) {
            cases.add(matMul(shapes.getFirst(), shapes.getLast()));
        }
        cases.add(matMul(of(2, 3), of(3, 4)).open());
        cases.add(matMul(of(5, 2, 3), of(3, 4)).open());
        cases.add(matMul(of(2, 1, 2, 3), of(2, 5, 3, 4)).open());
        for (int transA = 0; transA < 2; transA++) {
            for (int transB = 0; transB < 2; transB++) {
                for (var c : List.of(of(4), of(2, 1), of(), of(2, 4))) {
                    cases.add(one("Gemm transA " + transA + " transB " + transB + " C " + c.length)
                            .trained("a", transA == 0 ? of(2, 3) : of(3, 2))
                            .trained("b", transB == 0 ? of(3, 4) : of(4, 3))
                            .trained("c", c)
                            .op(
                                    "Gemm",
                                    with("transA", transA, "transB", transB, "alpha", 0.7f, "beta", 1.3f),
                                    List.of("a", "b", "c"),
                                    "y"));
                }
            }
        }
        cases.add(one("Gemm without C")
                .trained("a", 2, 3)
                .trained("b", 3, 4)
                .op("Gemm", List.of("a", "b"), "y")
                .open());
        cases.add(einsum("bij,bjk->bik", of(2, 3, 4), of(2, 4, 5)));
        cases.add(einsum("bhid,bhjd->bhij", of(2, 2, 3, 4), of(2, 2, 5, 4)));
        cases.add(einsum("ij,jk", of(2, 3), of(3, 4)));
        cases.add(einsum("...i,ij->...j", of(2, 3, 4), of(4, 5)));
        cases.add(einsum("ij,kj->ik", of(2, 3), of(4, 3)));
        cases.add(einsum("i,j->ij", of(2), of(3)));
        cases.add(einsum("ij,k->ik", of(2, 3), of(4)));
        cases.add(einsum("...ij,...jk", of(2, 3, 4), of(2, 4, 5)));
        cases.add(einsum("A...,AB->...B", of(2, 3, 4), of(2, 5)));
        cases.add(one("Einsum ij->j").trained("a", 2, 3).op("Einsum", with("equation", "ij->j"), List.of("a"), "y"));
        cases.add(one("Einsum of three")
                .trained("a", 2, 3)
                .trained("b", 3, 4)
                .trained("c", 4, 2)
                .op("Einsum", with("equation", "ij,jk,kl->il"), List.of("a", "b", "c"), "y"));
        return cases;
    }

    private static Case matMul(long[] a, long[] b) {
        return one("MatMul " + Arrays.toString(a) + " " + Arrays.toString(b))
                .trained("a", a)
                .trained("b", b)
                .op("MatMul", List.of("a", "b"), "y");
    }

    private static Case einsum(String equation, long[] a, long[] b) {
        return one("Einsum " + equation)
                .trained("a", a)
                .trained("b", b)
                .op("Einsum", with("equation", equation), List.of("a", "b"), "y");
    }
}
