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
 * How arrays feed inputs. An array's first axis counts samples. Its others are those of the input but for the one that has the samples
 * there, the first unless stated; or all of the input's, where each entry is a whole input for one sample. An array may also be the
 * same for all samples: where that is stated, where the input has no axes, and where the array has exactly the input's fixed shape
 * and not as many entries as there are samples.
 */
final class Feeding {
    private Feeding() {}

    /** Names of the arrays that are the same for all samples. @throws BadInput when something is stated of an input that is none */
    static Set<String> constants(Path file, Graph model, Map<String, BatchAxis> stated) throws IOException {
        var inputs = model.inputs().stream().collect(Collectors.toMap(ValueInfoProto::getName, info -> info));
        stated.keySet().stream()
                .filter(name -> !inputs.containsKey(name))
                .findFirst()
                .ifPresent(name -> {
                    throw new BadInput("inputs names '" + name + "', and the model's inputs are "
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
     * Where an input that is not the same for all has its samples.
     *
     * @param array  shape of its array
     * @param stated empty: found
     * @throws BadInput when whole inputs are given and several axes may be it
     */
    static BatchAxis axis(String input, long[] array, Optional<long[]> declared, Optional<BatchAxis> stated) {
        if (stated.isPresent() || declared.isEmpty() || array.length != declared.get().length + 1) {
            stated.filter(axis -> declared.isPresent() && axis.axis() >= declared.get().length)
                    .ifPresent(axis -> {
                        throw new BadInput("inputs." + input + ".batch is " + axis.axis() + ", and the input has "
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
                    ("array '%s' has the shape %s and the model's input %s, so each entry is a whole input, and "
                                    + (candidates.isEmpty()
                                            ? "none of its axes has one sample"
                                            : "which of its axes %s has the samples is not clear".formatted(candidates))
                                    + ": %s")
                            .formatted(input, Arrays.toString(array), Arrays.toString(shape), advice(input)));
        }
        return new BatchAxis(candidates.getFirst());
    }

    /** Samples without the axis of length 1 that whole inputs have for theirs. */
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

    /** What to say of an array that does not fit. */
    static String advice(String input) {
        return ("the first axis of an array counts samples; inputs.%1$s.batch (--batch-axis %1$s=N) says which axis of the input has them,"
                        + " inputs.%1$s.constant (--constant %1$s) that it is the same for all")
                .formatted(input);
    }
}
