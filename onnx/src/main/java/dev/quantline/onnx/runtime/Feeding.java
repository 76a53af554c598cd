package dev.quantline.onnx.runtime;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * How arrays feed inputs. The first axis of an array counts samples. Its other axes are either those of the input without the batch
 * axis, which is the first unless stated, or all axes of the input, if each entry is a whole input for one sample. An array may also
 * be the same for all samples: if that is stated, if the input has no axes, or if the array has exactly the input's fixed shape and
 * its number of entries differs from the number of samples.
 */
final class Feeding {
    private Feeding() {}

    /** Names of the arrays that are the same for all samples. @throws BadInput if something is stated about a nonexistent input */
    static Set<String> constants(Path file, Graph model, Map<String, BatchAxis> stated) throws IOException {
        var inputs = model.inputs().stream().collect(Collectors.toMap(ValueInfoProto::getName, info -> info));
        stated.keySet().stream()
                .filter(name -> !inputs.containsKey(name))
                .findFirst()
                .ifPresent(name -> {
                    throw new BadInput("inputs names '" + name + "', but the model's inputs are "
                            + inputs.keySet().stream().sorted().toList());
                });
        try (var npz = Npz.open(file)) {
            var constants = new LinkedHashSet<String>();
            var fixed = new LinkedHashSet<String>();
            var lengths = new LinkedHashSet<Long>();
            npz.headers().forEach((name, header) -> {
                var declared = Optional.ofNullable(inputs.get(name)).flatMap(ValueInfos::shape);
                if (stated.containsKey(name)
                        ? stated.get(name).isNone()
                        : declared.filter(shape -> shape.length == 0).isPresent()) {
                    constants.add(name);
                } else if (!stated.containsKey(name)
                        && declared.filter(shape -> Arrays.equals(shape, header.shape()))
                                .isPresent()) {
                    fixed.add(name);
                } else if (inputs.containsKey(name)) {
                    lengths.add(header.rows());
                }
            });
            fixed.stream()
                    .filter(name -> !lengths.isEmpty()
                            && !lengths.contains(npz.headers().get(name).rows()))
                    .forEach(constants::add);
            return constants;
        }
    }

    /**
     * The batch axis of an input that is not the same for all samples.
     *
     * @param array  shape of its array
     * @param stated empty: to be found
     * @throws BadInput if whole inputs are given and the batch axis is ambiguous
     */
    static BatchAxis axis(String input, long[] array, Optional<long[]> declared, Optional<BatchAxis> stated) {
        if (stated.isPresent() || declared.isEmpty() || array.length != declared.get().length + 1) {
            stated.filter(axis -> declared.isPresent() && axis.axis() >= declared.get().length)
                    .ifPresent(axis -> {
                        throw new BadInput("inputs." + input + ".batch is " + axis.axis() + ", but the input has "
                                + declared.get().length + " axes");
                    });
            return stated.orElse(BatchAxis.FIRST);
        }
        var shape = declared.get();
        var single = IntStream.range(0, shape.length)
                .filter(axis -> array[axis + 1] == 1 && shape[axis] <= 1)
                .boxed()
                .toList();
        var open = single.stream().filter(axis -> shape[axis] < 0).toList();
        var candidates = open.isEmpty() ? single : open;
        if (candidates.size() != 1) {
            throw new BadInput(
                    ("array '%s' has the shape %s and the model's input %s, so each entry is a whole input, but "
                                    + (candidates.isEmpty()
                                            ? "none of its axes has length 1"
                                            : "it is not clear which of its axes %s counts the samples"
                                                    .formatted(candidates))
                                    + ": %s")
                            .formatted(input, Arrays.toString(array), Arrays.toString(shape), advice(input)));
        }
        return new BatchAxis(candidates.getFirst());
    }

    /** Removes the axis of length 1 that whole inputs have for their single sample. */
    static Tensor withoutOwnAxis(Tensor samples, BatchAxis axis, Optional<long[]> declared) {
        var shape = samples.shape();
        boolean whole =
                declared.isPresent() && shape.length == declared.get().length + 1 && shape[axis.axis() + 1] == 1;
        return !whole
                ? samples
                : samples.reshape(IntStream.range(0, shape.length)
                        .filter(i -> i != axis.axis() + 1)
                        .mapToLong(i -> shape[i])
                        .toArray());
    }

    /** Advice for an array that does not fit. */
    static String advice(String input) {
        return ("the first axis of an array counts samples; inputs.%1$s.batch (--batch-axis %1$s=N) states which axis of the input has"
                        + " them, inputs.%1$s.constant (--constant %1$s) that it is the same for all samples")
                .formatted(input);
    }
}
