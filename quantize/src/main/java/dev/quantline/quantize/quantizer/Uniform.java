package dev.quantline.quantize.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The uniform quantizer: {@code q = clip(round(x / s) + z, qmin, qmax)} and {@code x^ = (q - z) s}, rounding half to even, with
 * one (s, z) per tensor, per channel, or per block of consecutive elements along an axis.
 *
 * @param bits      width of a code, 2 to 16
 * @param signed    codes from -2^(bits-1) to 2^(bits-1)-1, otherwise from 0 to 2^bits-1
 * @param axis      the channel axis, or the axis of the blocks, counted from 0; {@link #PER_TENSOR} for one scale
 * @param block     elements per block; 0 for one scale per channel
 * @param scale     s, the positive step size in units of x; for blocks in the row-major order of a tensor whose {@code axis} is
 *                  divided by {@code block}, rounding up
 * @param zeroPoint z, the code of 0; as many as scales
 * @param pairLimit largest magnitude of the sum of two same-sign codes of a channel ({@link PairLimit}); 0: no limit. Only codes
 *                  of whole tensors keep it, not numbers quantized one by one
 */
public record Uniform(int bits, boolean signed, int axis, int block, float[] scale, int[] zeroPoint, int pairLimit)
        implements Quantizer {
    /** The axis of a quantizer with a single scale. */
    public static final int PER_TENSOR = -1;

    public Uniform {
        if (bits < 2
                || bits > 16
                || scale.length == 0
                || scale.length != zeroPoint.length
                || block < 0
                || axis == PER_TENSOR && (scale.length > 1 || block > 0)) {
            throw new IllegalArgumentException("no uniform quantizer of " + bits + " bits with " + scale.length
                    + " scales and " + zeroPoint.length + " zero points on axis " + axis + " in blocks of " + block);
        }
        if (pairLimit < 0
                || pairLimit > 0 && (block > 0 || IntStream.of(zeroPoint).anyMatch(z -> z != 0))) {
            throw new IllegalArgumentException(
                    "a limit on pairs of codes requires zero points of 0 and no blocks, and must not be negative: "
                            + pairLimit);
        }
        for (float s : scale) {
            if (!(s > 0) || Float.isInfinite(s)) {
                throw new IllegalArgumentException("scale " + s + " is not a positive number");
            }
        }
    }

    /** One scale per tensor or channel. */
    public Uniform(int bits, boolean signed, int axis, float[] scale, int[] zeroPoint) {
        this(bits, signed, axis, 0, scale, zeroPoint, 0);
    }

    /**
     * Unsigned with one scale per tensor, from a range: s = (hi - lo) / N, z = round(-lo / s), with the range widened
     * to contain 0. A range of width 0 gets scale 1.
     */
    public static Uniform asymmetric(int bits, double lo, double hi) {
        lo = Math.min(lo, 0);
        hi = Math.max(hi, 0);
        int n = (1 << bits) - 1;
        float s = positive((hi - lo) / n);
        int z = (int) Math.clamp(Math.rint(-lo / s), 0, n);
        return new Uniform(bits, false, PER_TENSOR, new float[] {s}, new int[] {z});
    }

    /** Signed with zero point 0 from the largest magnitude of each channel: s = max|x| / qmax; a dead channel gets 1. */
    public static Uniform symmetric(int bits, int axis, double[] largest) {
        return symmetric(bits, axis, 0, largest);
    }

    /** The same for blocks along {@code axis}, or for channels if {@code block} is 0. */
    public static Uniform symmetric(int bits, int axis, int block, double[] largest) {
        int qmax = (1 << bits - 1) - 1;
        var scale = new float[largest.length];
        for (int c = 0; c < scale.length; c++) {
            scale[c] = positive(largest[c] / qmax);
        }
        return new Uniform(bits, true, axis, block, scale, new int[scale.length], 0);
    }

    private static float positive(double scale) {
        return scale > Float.MIN_NORMAL ? (float) scale : 1f;
    }

    @Override
    public String label() {
        return "uniform";
    }

    @Override
    public int qmin() {
        return signed ? -(1 << bits - 1) : 0;
    }

    @Override
    public int qmax() {
        return signed ? (1 << bits - 1) - 1 : (1 << bits) - 1;
    }

    @Override
    public float lowest(int c) {
        return (qmin() - zeroPoint[c]) * scale[c];
    }

    @Override
    public float highest(int c) {
        return (qmax() - zeroPoint[c]) * scale[c];
    }

    @Override
    public DataType storage() {
        return bits > 8 ? signed ? DataType.INT16 : DataType.UINT16 : signed ? DataType.INT8 : DataType.UINT8;
    }

    @Override
    public int quantize(float x, int c) {
        return (int) Math.clamp(Math.rint(x / scale[c]) + zeroPoint[c], qmin(), qmax());
    }

    @Override
    public float dequantize(int q, int c) {
        return (q - zeroPoint[c]) * scale[c];
    }

    /** Whether every scale is exact in half precision, so that scales can be stored in it. */
    public boolean hasHalfScales() {
        for (float s : scale) {
            if (Float.float16ToFloat(Float.floatToFloat16(s)) != s) {
                return false;
            }
        }
        return true;
    }

    /** Codes of a FLOAT tensor, as a tensor of {@link #storage} type and the same shape. */
    public Tensor quantize(Tensor x) {
        return stored(codes(x.toFloats(), channels(x.shape())), x.shape());
    }

    private int[] codes(float[] values, Channels channel) {
        var codes = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            codes[i] = quantize(values[i], channel.of(i));
        }
        if (pairLimit > 0) {
            limitPairs(codes, channel);
        }
        return codes;
    }

    private void limitPairs(int[] codes, Channels channel) {
        for (int[] elements : members(codes.length, channel)) {
            var own = Arrays.stream(elements).mapToLong(i -> codes[i]).toArray();
            var limited = PairLimit.of(pairLimit, own);
            for (int k = 0; k < own.length; k++) {
                codes[elements[k]] = (int) limited.bound(k, own[k]);
            }
        }
    }

    /**
     * How far each element of a tensor may be from the zero point so that its channel keeps the pair limit, whatever its codes
     * become: steps down, at most 0, and steps up, in row-major order.
     */
    public float[][] reaches(Tensor x) {
        var values = x.toFloats();
        var channel = channels(x.shape());
        var reaches = new float[2][values.length];
        for (int[] elements : members(values.length, channel)) {
            int c = elements.length == 0 ? 0 : channel.of(elements[0]);
            var limited = PairLimit.of(
                    pairLimit,
                    Arrays.stream(elements)
                            .mapToLong(i -> quantize(values[i], c))
                            .toArray());
            for (int k = 0; k < elements.length; k++) {
                reaches[0][elements[k]] = limited.bound(k, qmin());
                reaches[1][elements[k]] = limited.bound(k, qmax());
            }
        }
        return reaches;
    }

    /** Elements by scale, in ascending order. */
    private int[][] members(int count, Channels channel) {
        var members = new int[scale.length][];
        var sizes = new int[scale.length];
        for (int i = 0; i < count; i++) {
            sizes[channel.of(i)]++;
        }
        Arrays.setAll(members, c -> new int[sizes[c]]);
        for (int i = count - 1; i >= 0; i--) {
            int c = channel.of(i);
            members[c][--sizes[c]] = i;
        }
        return members;
    }

    private Tensor stored(int[] codes, long... shape) {
        int width = storage().bits() / 8;
        var bytes = new byte[codes.length * width];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (codes[i / width] >> i % width * 8);
        }
        return Tensor.of(storage(), bytes, shape);
    }

    @Override
    public Tensor fakeQuantize(Tensor x) {
        var values = x.toFloats();
        var channel = channels(x.shape());
        var codes = codes(values, channel);
        for (int i = 0; i < values.length; i++) {
            values[i] = dequantize(codes[i], channel.of(i));
        }
        return Tensor.of(values, x.shape());
    }

    /** The index of the scale of each element of a tensor of this shape, in row-major order. */
    public int[] scaleIndex(long[] shape) {
        var channel = channels(shape);
        return IntStream.range(0, Math.toIntExact(Tensor.count(shape)))
                .map(channel::of)
                .toArray();
    }

    /** The same grid with other scales. */
    public Uniform withScale(float[] scales) {
        return new Uniform(bits, signed, axis, block, scales, zeroPoint, pairLimit);
    }

    /** The same grid with another pair limit. */
    public Uniform withPairLimit(int limit) {
        return new Uniform(bits, signed, axis, block, scale, zeroPoint, limit);
    }

    private Channels channels(long[] shape) {
        if (axis == PER_TENSOR) {
            return i -> 0;
        }
        int inner =
                IntStream.range(axis + 1, shape.length).map(i -> (int) shape[i]).reduce(1, Math::multiplyExact);
        int count = scale.length;
        if (block == 0) {
            return i -> i / inner % count;
        }
        int size = (int) shape[axis];
        int blocks = Math.ceilDiv(size, block);
        return i -> (i / inner / size * blocks + i / inner % size / block) * inner + i % inner;
    }

    private interface Channels {
        int of(int element);
    }

    /** Scales as an ONNX tensor: a scalar, or a vector along the axis. */
    public Tensor scaleTensor() {
        return axis == PER_TENSOR ? Tensor.scalar(scale[0]) : Tensor.vector(scale);
    }

    /** Zero points as an ONNX tensor of {@link #storage} type. */
    public Tensor zeroPointTensor() {
        return axis == PER_TENSOR ? stored(zeroPoint) : stored(zeroPoint, zeroPoint.length);
    }

    /** The first opset whose QuantizeLinear and DequantizeLinear support this grid: 16-bit codes and blocks came with 21. */
    public int opset() {
        return block > 0 || bits > 8 ? 21 : 13;
    }

    @Override
    public void write(Graph graph, String base, String input, String output) {
        var bounds = Optional.<QdqNodes.Bounds>empty();
        if (clips()) {
            bounds = Optional.of(new QdqNodes.Bounds(
                    graph.addConstant(base + "/lowest", Tensor.scalar(lowest(0))),
                    graph.addConstant(base + "/highest", Tensor.scalar(highest(0)))));
        }
        String s = graph.addConstant(base + "/scale", scaleTensor());
        String z = graph.addConstant(base + "/zero_point", zeroPointTensor());
        new QdqNodes(bounds, s, z).write(graph, base, input, output);
    }

    /** Whether codes are narrower than their storage type, whose saturation then does not suffice. */
    public boolean clips() {
        return bits < storage().bits();
    }

    /**
     * Writes dequantization of existing codes only; {@code axis} is the channel axis of those codes. Codes in blocks must be
     * a constant.
     */
    public void writeRestore(Graph graph, String base, String codes, int axis, String output) {
        if (block > 0) {
            var shape = constant(graph, codes).shape();
            shape[this.axis] = Math.ceilDiv(shape[this.axis], block);
            graph.add(Node.of(
                            "DequantizeLinear",
                            List.of(
                                    codes,
                                    graph.addConstant(base + "/scale", Tensor.of(scale, shape)),
                                    graph.addConstant(base + "/zero_point", stored(zeroPoint, shape))),
                            output)
                    .with("axis", (long) this.axis)
                    .with("block_size", (long) block));
            return;
        }
        var node = Node.of(
                "DequantizeLinear",
                List.of(
                        codes,
                        graph.addConstant(base + "/scale", scaleTensor()),
                        graph.addConstant(base + "/zero_point", zeroPointTensor())),
                output);
        graph.add(this.axis == PER_TENSOR ? node : node.with("axis", (long) axis));
    }

    /**
     * Writes dequantization as arithmetic, which onnxruntime folds when it loads a model whose codes are constants; it does not
     * fold a DequantizeLinear.
     *
     * @param codes constant of symmetric codes, without blocks
     */
    public void writeProduct(Graph graph, String base, String codes, String output) {
        if (block > 0 || Arrays.stream(zeroPoint).anyMatch(z -> z != 0)) {
            throw new IllegalArgumentException("only DequantizeLinear restores blocks and zero points");
        }
        var shape = constant(graph, codes).shape();
        for (int i = 0; i < shape.length; i++) {
            shape[i] = i == axis ? shape[i] : 1;
        }
        String s = graph.addConstant(base + "/scale", axis == PER_TENSOR ? scaleTensor() : Tensor.of(scale, shape));
        String numbers = graph.fresh(base + "/numbers");
        graph.add(Node.of("Cast", List.of(codes), numbers).with("to", (long) DataType.FLOAT.code()));
        graph.add(Node.of("Mul", List.of(numbers, s), output));
    }

    private static Tensor constant(Graph graph, String name) {
        return Objects.requireNonNull(graph.initializers().get(name), name);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Uniform that
                && bits == that.bits
                && signed == that.signed
                && axis == that.axis
                && block == that.block
                && pairLimit == that.pairLimit
                && Arrays.equals(scale, that.scale)
                && Arrays.equals(zeroPoint, that.zeroPoint);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(scale) + bits;
    }
}
