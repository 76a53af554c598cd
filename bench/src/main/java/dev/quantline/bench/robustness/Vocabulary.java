package dev.quantline.bench.robustness;

import java.util.List;

/** What mutated models say: names and numbers at the ends of what is usual, and beyond. */
final class Vocabulary {
    static final long[] NUMBERS = words("""
            0 1 -1 2 3 7 63 64 -64 -65 127 255 4097 1048576 1048577 134217728 2147483647 -2147483648 4294967296 1099511627776
            9223372036854775807 -9223372036854775808
            """).stream().mapToLong(Long::parseLong).toArray();
    static final float[] FLOATS = {0, -1, 1e-45f, 3e38f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    static final List<String> OPERATORS = words("""
            Conv MatMul Gemm Expand Range Resize Upsample Pad Tile OneHot TopK Div Mod Constant ConstantOfShape If Loop
            Scan Reshape Transpose Split Concat Squeeze Slice Gather Einsum LSTM GRU Identity Dropout
            SimplifiedLayerNormalization MatMulNBits QuantizeLinear DequantizeLinear BatchNormalization DFT AffineGrid
            SequenceConstruct Nonsense
            """);
    static final List<String> ATTRIBUTES = words("""
            axis axes perm strides pads group kernel_shape dilations value to then_branch body num_heads hidden_size
            equation epsilon split shape blocksize block_size
            """);
    static final List<String> DOMAINS = List.of("", "ai.onnx", "com.microsoft", "ai.onnx.ml", "own", "nobody");
    static final List<String> LOCATIONS = List.of(
            Sandbox.TENSORS,
            Sandbox.LINK,
            "../" + Sandbox.CANARY,
            "./" + Sandbox.TENSORS,
            "a/../../" + Sandbox.CANARY,
            "",
            ".",
            "..",
            "/etc/hostname",
            "missing.data",
            "tensors.data\0",
            "x/".repeat(3000),
            "gewichte-\u00fc.data");
    static final List<String> TEXTS =
            List.of("-1", "0", "1", "4096", "16383", "99999999999999999999", "1e3", "", "x", "0x10");
    static final List<String> NAMES =
            List.of("", "x", "y", "weight", "nobody makes this", "\u001b[31m", "n".repeat(5000));

    private static List<String> words(String text) {
        return List.of(text.strip().split("\\s+"));
    }

    private Vocabulary() {}
}
