package dev.quantline.gradient.train;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Samples;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Shuffled minibatches from a stream: samples are read in windows, the windows of each epoch come in a random order, and
 * each is shuffled. Batch {@code n} is determined by the seed and {@code n} alone; one window is in memory. Samples that
 * do not fill a batch at the end of a window are skipped in that epoch.
 */
public final class Minibatches implements Batches {
    private final Samples samples;
    private final int count;
    private final int size;
    private final int window;
    private final int unit;
    private final long seed;
    private final Map<String, Tensor> targets = new LinkedHashMap<>();
    private final List<Integer> starts = new ArrayList<>();
    private int loadedAt = -1;
    private Map<String, Tensor> loaded;

    /**
     * @param size    samples per batch, a multiple of {@code unit}
     * @param unit    number of samples that stay together in order: 1, or 2 for pairs
     * @param targets arrays besides the model's inputs: {@code labels} become INT64, {@code scores} FLOAT with one
     *                value per {@code unit}
     * @throws BadInput if there are fewer samples than one batch takes, or a target is missing
     */
    public Minibatches(Samples samples, int size, int unit, List<String> targets, long seed) throws IOException {
        this(samples, samples.size(), size, unit, targets, seed);
    }

    /**
     * The same for the first {@code count} samples.
     *
     * @throws BadInput if there are fewer samples than one batch takes, or a target is missing
     */
    public Minibatches(Samples samples, int count, int size, int unit, List<String> targets, long seed)
            throws IOException {
        this.samples = samples;
        this.count = count;
        this.size = size;
        this.unit = unit;
        this.seed = seed;
        window = Math.max(1, 2048 / size) * size;
        if (count < size) {
            throw new BadInput("the data has " + count + " samples, fewer than one batch of " + size);
        }
        for (int start = 0; start + size <= count; start += window) {
            starts.add(start);
        }
        for (String target : targets) {
            this.targets.put(target, target(target, samples.dataset().target(target)));
        }
    }

    private static Tensor target(String name, float[] values) {
        if (!name.equals("labels")) {
            return Tensor.vector(values);
        }
        var labels = new long[values.length];
        Arrays.setAll(labels, i -> (long) values[i]);
        return Tensor.vector(labels);
    }

    /** Batches per epoch. */
    public int perEpoch() {
        return starts.stream().mapToInt(this::batchesAt).sum();
    }

    private int batchesAt(int start) {
        return (Math.min(count, start + window) - start) / size;
    }

    @Override
    public Map<String, Tensor> batch(int number) {
        int epoch = number / perEpoch();
        int at = number % perEpoch();
        var order = new ArrayList<>(starts);
        Collections.shuffle(order, new Random(Long.hashCode(seed) * 31L + epoch));
        int turn = 0;
        while (at >= batchesAt(order.get(turn))) {
            at -= batchesAt(order.get(turn++));
        }
        int start = order.get(turn);
        load(start);
        int loadable = Math.min(count, start + window) - start;
        var units = new ArrayList<>(IntStream.range(0, loadable / unit).boxed().toList());
        Collections.shuffle(units, new Random((Long.hashCode(seed) * 31L + epoch) * 31 + start));
        return pick(start, units.subList(at * size / unit, (at + 1) * size / unit));
    }

    private void load(int start) {
        if (loadedAt == start) {
            return;
        }
        var parts = new ArrayList<Map<String, Tensor>>();
        samples.forEachBatch(start, Math.min(count, start + window), window, batch -> parts.add(batch.arrays()));
        if (parts.size() != 1) {
            throw new BadInput(
                    "training data must be in one file, because it is read in windows of " + window + " samples");
        }
        loaded = new LinkedHashMap<>(parts.getFirst());
        loaded.replaceAll((name, tensor) -> samples.axis(name).toFront(tensor));
        loadedAt = start;
    }

    private Map<String, Tensor> pick(int start, List<Integer> units) {
        var batch = new LinkedHashMap<String, Tensor>();
        loaded.forEach((name, tensor) -> batch.put(
                name, samples.axis(name).isNone() ? tensor : samples.axis(name).place(gather(tensor, units, unit, 0))));
        targets.forEach((name, tensor) -> {
            int each = tensor.size() == samples.size() ? unit : 1;
            batch.put(name, gather(tensor, units, each, start / unit * each));
        });
        return batch;
    }

    /** Concatenates the rows {@code unit i} to {@code unit (i + 1)} after {@code offset}, for each {@code i}. */
    private static Tensor gather(Tensor rows, List<Integer> units, int unit, int offset) {
        var shape = rows.shape();
        shape[0] = (long) units.size() * unit;
        var result = Tensor.zeros(rows.type(), shape);
        var to = result.data();
        for (int i : units) {
            to.put(rows.rows(offset + i * unit, offset + (i + 1) * unit).data());
        }
        return result;
    }
}
