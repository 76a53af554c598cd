package dev.quantline.gradient;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.List;

import static dev.quantline.gradient.Case.of;
import static dev.quantline.gradient.Case.one;
import static dev.quantline.gradient.Case.with;
import static dev.quantline.gradient.RuleCases.unary;

/** The cases for operators that move values or select them by position. */
final class MovementCases {
    private MovementCases() {}

    static List<Case> all() {
        var cases = new ArrayList<>(movement());
        cases.addAll(indexing());
        return cases;
    }

    private static List<Case> movement() {
        var cases = new ArrayList<Case>();
        cases.add(unary("Identity", -1, 1));
        cases.add(one("Dropout").trained("x", 3).op("Dropout", List.of("x"), "y"));
        cases.add(one("Dropout that says it drops nothing")
                .trained("x", 3)
                .constant("ratio", Tensor.scalar(0.5f))
                .constant("training", Tensor.of(DataType.BOOL, new byte[] {0}))
                .op("Dropout", List.of("x", "ratio", "training"), "y"));
        cases.add(one("Cast there and back")
                .trained("x", 3)
                .op("Cast", with("to", DataType.FLOAT.code()), List.of("x"), "f")
                .op("Cast", with("to", DataType.DOUBLE.code()), List.of("f"), "d")
                .op("Cast", with("to", DataType.FLOAT.code()), List.of("d"), "y"));
        cases.add(one("Cast around a product")
                .trained("x", 3)
                .op("Cast", with("to", DataType.DOUBLE.code()), List.of("x"), "d")
                .op("Mul", List.of("d", "d"), "s")
                .op("Cast", with("to", DataType.FLOAT.code()), List.of("s"), "y"));
        cases.add(one("Reshape")
                .trained("x", 2, 3, 4)
                .constant("shape", 0, -1)
                .op("Reshape", List.of("x", "shape"), "y"));
        cases.add(one("Reshape")
                .trained("x", 2, 3, 4)
                .constant("shape", 0, -1)
                .op("Reshape", List.of("x", "shape"), "y")
                .open());
        cases.add(one("Reshape to rank 0")
                .trained("x", 1, 1)
                .constant("shape", Tensor.of(new long[0], 0))
                .op("Reshape", List.of("x", "shape"), "y"));
        cases.add(unary("Flatten", -1, 1, "axis", 0));
        cases.add(unary("Flatten", -1, 1, "axis", -1));
        cases.add(one("Squeeze")
                .trained("x", 2, 1, 3, 1)
                .constant("axes", 1, -1)
                .op("Squeeze", List.of("x", "axes"), "y"));
        cases.add(one("Squeeze everything").trained("x", 2, 1, 3, 1).op("Squeeze", List.of("x"), "y"));
        cases.add(
                one("Unsqueeze").trained("x", 2, 3).constant("axes", -1, 0).op("Unsqueeze", List.of("x", "axes"), "y"));
        cases.add(one("Transpose").trained("x", 2, 3, 4).op("Transpose", List.of("x"), "y"));
        cases.add(one("Transpose by a permutation")
                .trained("x", 2, 3, 4)
                .op("Transpose", with("perm", of(2, 0, 1)), List.of("x"), "y"));
        cases.add(one("Expand").trained("x", 3, 1).constant("shape", 2, 1, 4).op("Expand", List.of("x", "shape"), "y"));
        cases.add(one("Tile").trained("x", 2, 3).constant("repeats", 3, 2).op("Tile", List.of("x", "repeats"), "y"));
        for (int axis : List.of(1, -1, 0)) {
            cases.add(one("Concat axis " + axis)
                    .trained("a", 2, 3)
                    .trained("b", axis == 0 ? of(4, 3) : of(2, 1))
                    .trained("c", 2, 3)
                    .op("Concat", with("axis", axis), List.of("a", "b", "c"), "y"));
        }
        cases.add(one("Concat")
                .trained("a", 2, 3)
                .trained("b", 2, 1)
                .op("Concat", with("axis", 1), List.of("a", "b"), "y")
                .open());
        cases.add(one("Split")
                .trained("x", 2, 6)
                .constant("sizes", 1, 3, 2)
                .op("Split", with("axis", -1), List.of("x", "sizes"), "a", "b", "c"));
        cases.add(one("Split evenly")
                .trained("x", 4, 3)
                .op("Split", with("axis", 0, "num_outputs", 2), List.of("x"), "a", "b"));
        cases.add(one("Split, one part read")
                .trained("x", 2, 6)
                .constant("sizes", 1, 3, 2)
                .op("Split", with("axis", 1), List.of("x", "sizes"), "a", "b", "c")
                .op("Neg", List.of("b"), "y")
                .op("Shape", List.of("a"), "s")
                .op("Shape", List.of("c"), "t")
                .op("Cast", with("to", 1), List.of("s"), "u")
                .op("Cast", with("to", 1), List.of("t"), "v"));
        for (String mode : List.of("DCR", "CRD")) {
            cases.add(one("DepthToSpace " + mode)
                    .trained("x", 2, 8, 2, 3)
                    .op("DepthToSpace", with("blocksize", 2, "mode", mode), List.of("x"), "y"));
        }
        cases.add(one("SpaceToDepth")
                .trained("x", 2, 2, 4, 6)
                .op("SpaceToDepth", with("blocksize", 2), List.of("x"), "y"));
        return cases;
    }

    private static Case slice(String name, long[] starts, long[] ends, long[] axes, long[] steps) {
        return one("Slice " + name)
                .trained("x", 4, 5, 3)
                .constant("starts", starts)
                .constant("ends", ends)
                .constant("axes", axes)
                .constant("steps", steps)
                .op("Slice", List.of("x", "starts", "ends", "axes", "steps"), "y");
    }

    private static List<Case> indexing() {
        var cases = new ArrayList<>(List.of(
                slice("plain", of(1, 0), of(3, 2), of(0, 1), of(1, 1)),
                slice("negative", of(-3), of(-1), of(-2), of(1)),
                slice("to the end", of(2), of(Long.MAX_VALUE), of(1), of(1)),
                slice("steps", of(0), of(5), of(1), of(2)),
                slice("backward", of(-1, 3), of(Long.MIN_VALUE, 0), of(0, 1), of(-1, -2)),
                slice("plain", of(1, 0), of(3, 2), of(0, 1), of(1, 1)).open()));
        cases.add(one("Slice without axes")
                .trained("x", 4, 5)
                .constant("starts", 1, 2)
                .constant("ends", 3, 5)
                .op("Slice", List.of("x", "starts", "ends"), "y"));
        for (String mode : List.of("constant", "reflect", "edge", "wrap")) {
            cases.add(one("Pad " + mode)
                    .trained("x", 3, 4)
                    .constant("pads", 1, 2, 2, 1)
                    .op("Pad", with("mode", mode), List.of("x", "pads"), "y"));
        }
        cases.add(one("Pad, trained value")
                .trained("x", 3, 4)
                .trained("value")
                .constant("pads", 0, 1, 2, 1)
                .op("Pad", List.of("x", "pads", "value"), "y"));
        cases.add(one("Pad, negative")
                .trained("x", 3, 4)
                .constant("pads", -1, 2, 1, -2)
                .op("Pad", List.of("x", "pads"), "y"));
        cases.add(one("Pad, axes")
                .trained("x", 3, 4)
                .constant("pads", 1, 2)
                .constant("axes", -1)
                .op("Pad", List.of("x", "pads", "", "axes"), "y"));
        for (int axis : List.of(0, 1, -1)) {
            cases.add(one("Gather axis " + axis)
                    .trained("x", 3, 4, 3)
                    .constant("i", Tensor.of(new long[] {0, 2, -1, 0}, 2, 2))
                    .op("Gather", with("axis", axis), List.of("x", "i"), "y"));
            cases.add(one("Gather one, axis " + axis)
                    .trained("x", 3, 4, 3)
                    .constant("i", Tensor.of(new long[] {1}))
                    .op("Gather", with("axis", axis), List.of("x", "i"), "y"));
        }
        cases.add(one("Gather from many rows")
                .trained("x", 65, 2)
                .constant("i", Tensor.of(new long[] {64, 2, -1, 0}, 2, 2))
                .op("Gather", List.of("x", "i"), "y"));
        cases.add(one("Gather, 32-bit indices")
                .trained("x", 3, 4)
                .constant("i", Tensor.of(new int[] {2, 2, 0}, 3))
                .op("Gather", List.of("x", "i"), "y"));
        for (int axis : List.of(0, -1)) {
            cases.add(one("GatherElements axis " + axis)
                    .trained("x", 3, 3)
                    .constant("i", Tensor.of(new long[] {0, 2, -1, 0, 1, 1}, 2, 3))
                    .op("GatherElements", with("axis", axis), List.of("x", "i"), "y"));
        }
        return cases;
    }
}
