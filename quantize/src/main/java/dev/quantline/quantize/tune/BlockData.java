package dev.quantline.quantize.tune;

import dev.quantline.gradient.train.Batches;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * The data that a subgraph is trained on: its inputs in the float and in the quantized network, and its outputs in the
 * float network.
 *
 * @param subgraph  the subgraph to train
 * @param fed       inputs of the model
 * @param floats    inputs of the subgraph in the float network
 * @param quantized inputs of the subgraph in the network whose earlier subgraphs are quantized
 * @param targets   outputs of the subgraph in the float network
 * @param ahead     the rest of its stage, if its loss includes the end of the stage
 */
record BlockData(
        Subgraph subgraph,
        Activations fed,
        Activations floats,
        Activations quantized,
        Activations targets,
        Optional<AcrossBlock> ahead) {
    /** Suffix of the name of an output's target. */
    static final String TARGET = "/target";
    /** Suffix of the name of an output's mask. */
    static final String FILLED = "/filled";

    /** Inputs of the training graph except those of the subgraph: the model's inputs, targets and masks. */
    private Map<String, Tensor> inputs(int[] samples) {
        var batch = new LinkedHashMap<String, Tensor>();
        fed.tensors().forEach(tensor -> batch.put(tensor, fed.batch(tensor, samples)));
        putTargets(batch, subgraph.outputs(), targets, samples);
        ahead.ifPresent(there -> putTargets(batch, there.rest().outputs(), there.targets(), samples));
        return batch;
    }

    private static void putTargets(
            Map<String, Tensor> batch, List<String> outputs, Activations targets, int[] samples) {
        for (String output : outputs) {
            batch.put(output + TARGET, targets.batch(output, samples));
            if (!targets.isUniform(output)) {
                batch.put(output + FILLED, targets.filled(output, samples));
            }
        }
    }

    /** A batch of these samples, with inputs from the quantized network. */
    Map<String, Tensor> batch(int[] samples) {
        var batch = inputs(samples);
        subgraph.inputs().forEach(tensor -> batch.put(tensor, quantized.batch(tensor, samples)));
        return batch;
    }

    /**
     * A batch of these samples in which every element of an input comes from the float network with probability
     * {@code floatShare} and from the quantized network otherwise (QDrop, arXiv 2203.05740).
     */
    Map<String, Tensor> mixed(int[] samples, double floatShare, Random random) {
        var batch = inputs(samples);
        for (String tensor : subgraph.inputs()) {
            var mixture = quantized.batch(tensor, samples);
            if (floatShare > 0 && mixture.type() == DataType.FLOAT) {
                var exact = floats.batch(tensor, samples).floats();
                var values = mixture.floats();
                int threshold = (int) Math.round(floatShare * 65536);
                for (int i = 0; i < values.limit(); ) {
                    long bits = random.nextLong();
                    for (int end = Math.min(i + 4, values.limit()); i < end; i++, bits >>>= 16) {
                        if ((bits & 0xffff) < threshold) {
                            values.put(i, exact.get(i));
                        }
                    }
                }
            }
            batch.put(tensor, mixture);
        }
        return batch;
    }

    /**
     * Training batches of the samples {@code 0} to {@code count}: every epoch uses each sample at most once and groups
     * samples of similar length; batch n is determined by the seed and n.
     */
    Batches training(int count, int size, double floatShare, long seed) {
        int each = Math.min(size, count);
        int perEpoch = count / each;
        var orders = new HashMap<Integer, List<int[]>>();
        return number -> {
            int epoch = number / perEpoch;
            orders.keySet().removeIf(known -> known != epoch);
            var batches = orders.computeIfAbsent(epoch, first -> order(count, each, new Random(seed * 31 + epoch)));
            return mixed(batches.get(number % perEpoch), floatShare, new Random(seed * 31 + 7 + number));
        };
    }

    /** Sorted by length with some noise, so that batches differ between epochs and contain little padding. */
    private List<int[]> order(int count, int size, Random random) {
        var keys = new double[count];
        for (int i = 0; i < count; i++) {
            keys[i] = length(i) * (1 + 0.3 * random.nextDouble());
        }
        var sorted = IntStream.range(0, count)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> keys[i]))
                .toList();
        int skipped = count % size == 0 ? 0 : random.nextInt(count % size + 1);
        var batches = new ArrayList<int[]>();
        for (int at = skipped; at + size <= count; at += size) {
            batches.add(sorted.subList(at, at + size).stream()
                    .mapToInt(Integer::intValue)
                    .toArray());
        }
        Collections.shuffle(batches, random);
        return batches;
    }

    private long length(int sample) {
        return Tensor.count(targets.shape(subgraph.outputs().getFirst(), sample));
    }

    /** Batches of the samples {@code from} to {@code to}, unmixed and sorted by length. */
    Batches judging(int from, int to, int size) {
        var sorted = IntStream.range(from, to)
                .boxed()
                .sorted(Comparator.comparingLong(this::length))
                .mapToInt(Integer::intValue)
                .toArray();
        int each = Math.min(size, to - from);
        return number -> batch(Arrays.copyOfRange(sorted, number * each, (number + 1) * each));
    }
}
