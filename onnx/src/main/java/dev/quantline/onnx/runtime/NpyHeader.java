package dev.quantline.onnx.runtime;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * The header of a NumPy array file, format versions 1 to 3: a magic number and a Python dictionary with three entries.
 *
 * @param bytes size of the header in the file
 */
record NpyHeader(DataType type, long[] shape, int bytes) {
    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final int LONGEST = 1 << 16;
    private static final Pattern DESCR = Pattern.compile("'descr'\\s*:\\s*'([^']*)'");
    private static final Pattern ORDER = Pattern.compile("'fortran_order'\\s*:\\s*(True|False)");
    private static final Pattern SHAPE = Pattern.compile("'shape'\\s*:\\s*\\(([\\d\\s,]*)\\)");
    private static final Map<String, DataType> TYPES = Map.ofEntries(
            Map.entry("<f4", DataType.FLOAT),
            Map.entry("<f8", DataType.DOUBLE),
            Map.entry("<f2", DataType.FLOAT16),
            Map.entry("|u1", DataType.UINT8),
            Map.entry("|i1", DataType.INT8),
            Map.entry("<u2", DataType.UINT16),
            Map.entry("<i2", DataType.INT16),
            Map.entry("<u4", DataType.UINT32),
            Map.entry("<i4", DataType.INT32),
            Map.entry("<u8", DataType.UINT64),
            Map.entry("<i8", DataType.INT64),
            Map.entry("|b1", DataType.BOOL));

    /** Header of an array that is not written yet. */
    NpyHeader(DataType type, long[] shape) {
        this(type, shape, 0);
    }

    static NpyHeader of(Tensor tensor) {
        return new NpyHeader(tensor.type(), tensor.shape());
    }

    /**
     * Reads a header and leaves the stream at the first value.
     *
     * @throws BadInput if it is not a NumPy header, or that of an array that cannot be read row by row
     */
    static NpyHeader read(InputStream in) throws IOException {
        var start = in.readNBytes(8);
        if (start.length < 8 || !Arrays.equals(start, 0, 6, MAGIC, 0, 6)) {
            throw new BadInput("is not a NumPy array");
        }
        int lengthBytes = start[6] == 1 ? 2 : 4;
        var length = in.readNBytes(lengthBytes);
        int size = 0;
        for (int i = length.length - 1; i >= 0; i--) {
            size = size << 8 | Byte.toUnsignedInt(length[i]);
        }
        if (length.length < lengthBytes || size < 0 || size > LONGEST) {
            throw new BadInput("has a damaged header");
        }
        return parse(new String(in.readNBytes(size), StandardCharsets.UTF_8), 8 + lengthBytes + size);
    }

    private static NpyHeader parse(String text, int bytes) {
        String descr = find(DESCR, text);
        var type = TYPES.get(descr);
        if (type == null) {
            throw new BadInput("has element type '" + descr + "', which is not supported: use little-endian numbers");
        }
        if (find(ORDER, text).equals("True")) {
            throw new BadInput("is in Fortran order: save it with numpy.ascontiguousarray");
        }
        var shape = Pattern.compile("\\d+")
                .matcher(find(SHAPE, text))
                .results()
                .mapToLong(number -> number.group().length() > 12 ? Long.MAX_VALUE : Long.parseLong(number.group()))
                .toArray();
        try {
            if (type.bytes(Tensor.count(shape)) < 0) {
                throw new ArithmeticException();
            }
        } catch (ArithmeticException e) {
            throw new BadInput("has the impossible shape " + Arrays.toString(shape), e);
        }
        return new NpyHeader(type, shape, bytes);
    }

    private static String find(Pattern pattern, String text) {
        var matcher = pattern.matcher(text);
        if (!matcher.find()) {
            throw new BadInput("has a damaged header");
        }
        return matcher.group(1);
    }

    /** Length of the first axis; 0 for a scalar. */
    long rows() {
        return shape.length == 0 ? 0 : shape[0];
    }

    /** Bytes of one row of the first axis. */
    long rowBytes() {
        return type.bytes(LongStream.of(shape).skip(1).reduce(1, Math::multiplyExact));
    }

    /** Bytes of all values. */
    long dataBytes() {
        return type.bytes(Tensor.count(shape));
    }

    byte[] toBytes() {
        String descr = TYPES.entrySet().stream()
                .filter(entry -> entry.getValue() == type)
                .findFirst()
                .orElseThrow()
                .getKey();
        String dims = LongStream.of(shape).mapToObj(dim -> dim + ",").collect(Collectors.joining(" "));
        String text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + dims + "), }";
        int padding = 64 - (10 + text.length() + 1) % 64;
        var header = (text + " ".repeat(padding) + "\n").getBytes(StandardCharsets.US_ASCII);
        var bytes = Arrays.copyOf(MAGIC, 10 + header.length);
        bytes[6] = 1;
        bytes[8] = (byte) header.length;
        bytes[9] = (byte) (header.length >> 8);
        System.arraycopy(header, 0, bytes, 10, header.length);
        return bytes;
    }
}
