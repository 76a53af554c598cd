package dev.quantline.quantizer;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The uniform quantizer: {@code q = clip(round(x / s) + z, qmin, qmax)} and {@code x^ = (q - z) s}, round half to even,
 * with one (s, z) a tensor or one a channel.
 *
 * @param bits      width of a code, 2 to 8
 * @param signed    codes from -2^(bits-1) to 2^(bits-1)-1, else from 0 to 2^bits-1
 * @param axis      the channel axis, counted from 0; {@link #PER_TENSOR} for one scale
 * @param scale     s, in units of x a step; above 0
 * @param zeroPoint z, the code of 0; as many as scales
 */
public record Uniform(int bits, boolean signed, int axis, float[] scale, int[] zeroPoint) implements Quantizer {
    /** The axis of a quantizer with a single scale. */
    public static final int PER_TENSOR = -1;

    public Uniform {
        if (bits < 2 || bits > 8 || scale.length == 0 || scale.length != zeroPoint.length
            || axis == PER_TENSOR && scale.length > 1) {
            throw new IllegalArgumentException("no uniform quantizer of " + bits + " bits with " + scale.length + " scales and "
                + zeroPoint.length + " zero points on axis " + axis);
        }
        for (float s : scale) {
            if (!(s > 0) || Float.isInfinite(s)) {
                throw new IllegalArgumentException("scale " + s + " is not a positive number");
            }
        }
    }

    /**
     * One scale for a tensor from a range, unsigned: s = (hi - lo) / N, z = round(-lo / s), the range widened to
     * contain 0. A range of width 0 gets scale 1.
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
        int qmax = (1 << bits - 1) - 1;
        var scale = new float[largest.length];
        for (int c = 0; c < scale.length; c++) {
            scale[c] = positive(largest[c] / qmax);
        }
        return new Uniform(bits, true, axis, scale, new int[scale.length]);
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
        return signed ? DataType.INT8 : DataType.UINT8;
    }

    @Override
    public int quantize(float x, int c) {
        return (int) Math.clamp(Math.rint(x / scale[c]) + zeroPoint[c], qmin(), qmax());
    }

    @Override
    public float dequantize(int q, int c) {
        return (q - zeroPoint[c]) * scale[c];
    }

    /** Codes of a FLOAT tensor, as a tensor of {@link #storage} type and the same shape. */
    public Tensor quantize(Tensor x) {
        var values = x.toFloats();
        var codes = new byte[values.length];
        var channel = channels(x.shape());
        for (int i = 0; i < values.length; i++) {
            codes[i] = (byte) quantize(values[i], channel.of(i));
        }
        return Tensor.of(storage(), codes, x.shape());
    }

    @Override
    public Tensor fakeQuantize(Tensor x) {
        var values = x.toFloats();
        var channel = channels(x.shape());
        for (int i = 0; i < values.length; i++) {
            int c = channel.of(i);
            values[i] = dequantize(quantize(values[i], c), c);
        }
        return Tensor.of(values, x.shape());
    }

    private Channels channels(long[] shape) {
        if (axis == PER_TENSOR) {
            return i -> 0;
        }
        int inner = IntStream.range(axis + 1, shape.length).map(i -> (int) shape[i]).reduce(1, Math::multiplyExact);
        int count = scale.length;
        return i -> i / inner % count;
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
        var bytes = new byte[zeroPoint.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) zeroPoint[i];
        }
        return axis == PER_TENSOR ? Tensor.of(storage(), bytes) : Tensor.of(storage(), bytes, bytes.length);
    }

    /** Codes narrower than their storage type do not saturate by themselves: they are clipped before. */
    @Override
    public void write(Graph graph, String base, String input, String output) {
        if (bits < storage().bits()) {
            String clipped = graph.fresh(base + "/clipped");
            graph.nodes().add(Node.of("Clip", List.of(input, graph.addConstant(base + "/lowest", Tensor.scalar(lowest(0))),
                graph.addConstant(base + "/highest", Tensor.scalar(highest(0)))), clipped));
            input = clipped;
        }
        String s = graph.addConstant(base + "/scale", scaleTensor());
        String z = graph.addConstant(base + "/zero_point", zeroPointTensor());
        String codes = graph.fresh(base + "/quantized");
        graph.nodes().add(Node.of("QuantizeLinear", List.of(input, s, z), codes));
        graph.nodes().add(Node.of("DequantizeLinear", List.of(codes, s, z), output));
    }

    /** Writes restoring alone, from codes that are already there; {@code axis} is the channel axis of those codes. */
    public void writeRestore(Graph graph, String base, String codes, int axis, String output) {
        var node = Node.of("DequantizeLinear", List.of(codes, graph.addConstant(base + "/scale", scaleTensor()),
            graph.addConstant(base + "/zero_point", zeroPointTensor())), output);
        graph.nodes().add(this.axis == PER_TENSOR ? node : node.with("axis", (long) axis));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Uniform that && bits == that.bits && signed == that.signed && axis == that.axis
            && Arrays.equals(scale, that.scale) && Arrays.equals(zeroPoint, that.zeroPoint);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(scale) + bits;
    }
}
