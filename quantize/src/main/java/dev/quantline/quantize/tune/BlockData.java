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
 * What a subgraph is trained on: its inputs in the float and in the quantized network, and its outputs in the float one.
 *
 * @param subgraph  what is trained
 * @param fed       inputs of the model
 * @param floats    inputs of the subgraph in the float network
 * @param quantized the same in the network whose earlier subgraphs are quantized
 * @param targets   outputs of the subgraph in the float network
 * @param ahead     what comes behind it in its stage, when its loss looks there
 */
record BlockData(
        Subgraph subgraph,
        Activations fed,
        Activations floats,
        Activations quantized,
        Activations targets,
        Optional<AcrossBlock> ahead) {
    /** What the name of the target of an output ends in. */
    static final String TARGET = "/target";
    /** What the name of the mask of an output ends in. */
    static final String FILLED = "/filled";

    /** Inputs of the graph at hand that come from the model's own inputs. */
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

    /** These samples with inputs from the quantized network. */
    Map<String, Tensor> batch(int[] samples) {
        var batch = inputs(samples);
        subgraph.inputs().forEach(tensor -> batch.put(tensor, quantized.batch(tensor, samples)));
        return batch;
    }

    /**
     * These samples, every element of an input from the float network with this probability, from the quantized one
     * otherwise (QDrop, arXiv 2203.05740).
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
     * Training batches of the samples {@code 0} to {@code count}: each epoch all of them once, samples of like length
     * together; what batch n holds follows from the seed and n.
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

    /** Sorted by length with some noise, so that batches differ from epoch to epoch and little is filled up. */
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

    /** Batches of the samples {@code from} to {@code to} without mixing, sorted by length. */
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
