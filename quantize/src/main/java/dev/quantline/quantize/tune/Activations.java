package dev.quantline.quantize.tune;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.BatchAxis;
import dev.quantline.onnx.runtime.Spill;
import dev.quantline.onnx.runtime.Spilling;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Tensors of many samples, spilled to a file: written batch by batch and read back as any batch of samples. Only the current
 * batch is in memory, however many samples there are. Samples may differ in shape, as sentences do in length; in a batch the
 * shorter ones are padded with trailing zeros. A tensor that is the same for all samples is stored once. Unless stated otherwise,
 * shapes have the samples on the first axis, whichever axis they have in the tensor.
 */
final class Activations implements AutoCloseable {
    private final Spill spill;
    private final Map<String, BatchAxis> axes;
    private final Map<String, List<Row>> rows = new LinkedHashMap<>();
    private final Map<String, Tensor> constants = new LinkedHashMap<>();

    /** One sample of one tensor; it starts at byte {@code from} of its batch. */
    private record Row(DataType type, long[] shape, Spill.Kept batch, long from) {
        int bytes() {
            return Math.toIntExact(type.bytes(Tensor.count(shape)));
        }

        void read(ByteBuffer into) {
            batch.read(from, into);
        }
    }

    /**
     * @param folder where the file is kept until this is closed
     * @param axes   batch axes of tensors; the first axis for tensors that it does not name
     */
    Activations(Path folder, Map<String, BatchAxis> axes) {
        this.axes = axes;
        spill = new Spill(Spilling.all(folder));
    }

    /**
     * Adds the next samples of a tensor.
     *
     * @throws BadInput if the batch axis does not have length {@code samples}
     */
    void append(String tensor, Tensor values, int samples) {
        if (axis(tensor).isNone()) {
            constants.putIfAbsent(tensor, values);
            return;
        }
        var batch = axis(tensor).toFront(values);
        if (batch.rank() == 0 || batch.dim(0) != samples) {
            throw new BadInput("tensor '" + tensor + "' is " + batch + " for " + samples
                    + " samples: a block can only start or end in a"
                    + " tensor that has a batch axis; name other tensors in tune.blocks");
        }
        var shape = batch.shape();
        shape[0] = 1;
        long bytes = batch.type().bytes(Tensor.count(shape));
        var kept = spill.keep(batch);
        for (int i = 0; i < samples; i++) {
            rows.computeIfAbsent(tensor, first -> new ArrayList<>()).add(new Row(batch.type(), shape, kept, i * bytes));
        }
    }

    /** Number of samples. */
    int size() {
        return rows.isEmpty() ? 0 : rows.values().iterator().next().size();
    }

    /** Names of the tensors. */
    Set<String> tensors() {
        var names = new LinkedHashSet<>(rows.keySet());
        names.addAll(constants.keySet());
        return names;
    }

    private BatchAxis axis(String tensor) {
        return axes.getOrDefault(tensor, BatchAxis.FIRST);
    }

    /** Shape of one sample, whose first axis is 1. */
    long[] shape(String tensor, int sample) {
        return constants.containsKey(tensor)
                ? constants.get(tensor).shape()
                : rows.get(tensor).get(sample).shape();
    }

    /** Shape of a batch, -1 for the first axis and for axes along which samples differ. */
    long[] commonShape(String tensor) {
        var all = rows.get(tensor);
        var common = all.getFirst().shape().clone();
        for (var row : all) {
            for (int i = 0; i < common.length; i++) {
                common[i] = common[i] == row.shape()[i] ? common[i] : -1;
            }
        }
        common[0] = -1;
        return common;
    }

    /**
     * The same with every axis along which samples differ numbered from -2 on by its sizes over all samples, which {@code lengths}
     * maps to the number: axes whose sizes always agree get the same number.
     */
    private long[] numberedShape(String tensor, Map<List<Long>, Long> lengths, int batch) {
        var numbered = commonShape(tensor);
        numbered[0] = batch;
        for (int axis = 1; axis < numbered.length; axis++) {
            int at = axis;
            numbered[axis] = numbered[axis] >= 0
                    ? numbered[axis]
                    : lengths.computeIfAbsent(
                            rows.get(tensor).stream()
                                    .map(row -> row.shape()[at])
                                    .toList(),
                            first -> -2L - lengths.size());
        }
        return numbered;
    }

    /** Shape of a batch with the samples on the tensor's own batch axis; open sizes are numbered as by {@link #numberedShape}. */
    long[] sizes(String tensor, Map<List<Long>, Long> lengths, int batch) {
        return constants.containsKey(tensor)
                ? constants.get(tensor).shape()
                : axis(tensor).place(numberedShape(tensor, lengths, batch));
    }

    /** Shape of {@link #filled}, which is 1 along axes on which all samples agree. */
    long[] maskSizes(String tensor, Map<List<Long>, Long> lengths, int batch) {
        return axis(tensor).place(maskShape(numberedShape(tensor, lengths, batch)));
    }

    /** The same with -1 for the batch axis and for axes along which samples differ. */
    long[] maskShape(String tensor) {
        return axis(tensor).place(maskShape(commonShape(tensor)));
    }

    private static long[] maskShape(long[] shape) {
        for (int axis = 1; axis < shape.length; axis++) {
            shape[axis] = Math.min(1, shape[axis]);
        }
        return shape;
    }

    /** Whether every sample of the tensor has the same shape. */
    boolean isUniform(String tensor) {
        return constants.containsKey(tensor)
                || Arrays.stream(commonShape(tensor)).skip(1).noneMatch(size -> size < 0);
    }

    /** These samples of a tensor, concatenated along its batch axis and zero-padded to the largest. */
    Tensor batch(String tensor, int[] samples) {
        return constants.containsKey(tensor)
                ? constants.get(tensor)
                : axis(tensor).place(samplesFirst(tensor, samples));
    }

    private Tensor samplesFirst(String tensor, int[] samples) {
        var all = rows.get(tensor);
        var largest = all.get(samples[0]).shape().clone();
        for (int sample : samples) {
            Arrays.setAll(largest, i -> Math.max(largest[i], all.get(sample).shape()[i]));
        }
        var shape = largest.clone();
        shape[0] = samples.length;
        var batch = Tensor.zeros(all.getFirst().type(), shape);
        int each = Math.toIntExact(batch.type().bytes(Tensor.count(largest)));
        IntStream.range(0, samples.length).forEach(i -> {
            var row = all.get(samples[i]);
            var place = batch.data().slice(i * each, each);
            if (row.bytes() == each) {
                row.read(place);
            } else {
                var packed = ByteBuffer.allocate(row.bytes());
                row.read(packed);
                spread(packed.array(), row, largest, place);
            }
        });
        return batch;
    }

    /** Mask of these samples of a tensor: 1 for values, 0 for padding; axes on which all samples agree have size 1. */
    Tensor filled(String tensor, int[] samples) {
        var common = commonShape(tensor);
        var mask = new Activations.Mask(
                common,
                Arrays.stream(samples).mapToObj(sample -> shape(tensor, sample)).toList());
        return axis(tensor).place(mask.tensor());
    }

    private record Mask(long[] common, List<long[]> shapes) {
        Tensor tensor() {
            var shape = new long[common.length];
            for (int axis = 1; axis < shape.length; axis++) {
                int at = axis;
                shape[axis] = common[axis] < 0
                        ? shapes.stream().mapToLong(each -> each[at]).max().orElseThrow()
                        : 1;
            }
            shape[0] = shapes.size();
            var mask = Tensor.zeros(DataType.FLOAT, shape);
            var values = mask.floats();
            for (int i = 0; i < mask.size(); i++) {
                int rest = i;
                boolean inside = true;
                for (int axis = shape.length - 1; axis > 0; axis--) {
                    long position = rest % shape[axis];
                    rest /= (int) shape[axis];
                    inside &= common[axis] >= 0 || position < shapes.get(sampleOf(i, shape))[axis];
                }
                values.put(i, inside ? 1 : 0);
            }
            return mask;
        }

        private static int sampleOf(int element, long[] shape) {
            return (int) (element / (Tensor.count(shape) / shape[0]));
        }
    }

    /** Mean of |value|^exponent over these samples of a tensor. */
    double power(String tensor, int from, int to, int exponent) {
        double sum = 0;
        long count = 0;
        for (int i = from; i < to; i++) {
            for (float value : batch(tensor, new int[] {i}).toFloats()) {
                sum += exponent == 2 ? (double) value * value : Math.abs(value);
                count++;
            }
        }
        return sum / count;
    }

    /** Copies a packed sample into the corner of a larger one, one run of the last axis at a time. */
    private static void spread(byte[] packed, Row row, long[] largest, ByteBuffer place) {
        var shape = row.shape();
        int last = shape.length - 1;
        int run = Math.toIntExact(row.type().bytes(shape[last]));
        int[] position = new int[shape.length];
        for (int from = 0; from < packed.length; from += run) {
            long to = 0;
            for (int axis = 0; axis < last; axis++) {
                to = (to + position[axis]) * largest[axis + 1];
            }
            place.put(Math.toIntExact(row.type().bytes(to)), packed, from, run);
            for (int axis = last - 1; axis >= 0 && ++position[axis] == shape[axis]; axis--) {
                position[axis] = 0;
            }
        }
    }

    @Override
    public void close() {
        spill.close();
    }
}
