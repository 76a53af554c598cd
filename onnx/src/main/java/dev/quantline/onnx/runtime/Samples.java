package dev.quantline.onnx.runtime;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A data set bound to the inputs of a model: names, types and shapes are checked, images normalised. If every input is a
 * sequence {@code [batch, tokens]} of open length, trailing columns that {@code attention_mask} hides in all rows of a batch are
 * cut off: other outputs stay the same, and padding enters no statistic. Closing this closes the data set.
 */
public final class Samples implements AutoCloseable {
    /** Name of the input {@code [batch, tokens]} in which 0 marks padding. */
    public static final String MASK = "attention_mask";

    private final Dataset dataset;
    private final Map<String, Normalization> normalize;
    private final Map<String, ValueInfoProto> inputs = new LinkedHashMap<>();
    private final Map<String, String> arrays = new LinkedHashMap<>();
    private final Map<String, BatchAxis> axes = new LinkedHashMap<>();
    private final Map<String, Tensor> constants = new LinkedHashMap<>();
    private final boolean openLength;

    /**
     * @param normalize by array name; an array named there may also feed the only input of a model under another name
     * @throws BadInput if an input has no array, or {@code normalize} names neither an array nor an input
     */
    public Samples(Dataset dataset, Graph model, Map<String, Normalization> normalize) {
        this(dataset, model, normalize, Map.of());
    }

    /**
     * The same for inputs whose batch axis may not be the first.
     *
     * @param dataset opened for this model
     * @param stated  batch axes of inputs, as far as stated
     * @throws BadInput as above, and if the batch axis of an input is ambiguous
     */
    public Samples(Dataset dataset, Graph model, Map<String, Normalization> normalize, Map<String, BatchAxis> stated) {
        this.dataset = dataset;
        this.normalize = normalize;
        model.inputs().forEach(input -> inputs.put(input.getName(), input));
        for (String name : normalize.keySet()) {
            if (!dataset.names().contains(name) && !inputs.containsKey(name)) {
                var known = Stream.concat(dataset.names().stream(), inputs.keySet().stream())
                        .distinct()
                        .toList();
                throw new BadInput("normalize names '" + name
                        + "', which is neither an array nor an input of the model: " + ClosestName.hint(name, known));
            }
        }
        for (String input : inputs.keySet()) {
            String array = arrayFor(input);
            arrays.put(input, array);
            axes.put(
                    input,
                    dataset.isConstant(array)
                            ? BatchAxis.NONE
                            : Feeding.axis(
                                    input,
                                    dataset.shape(array),
                                    ValueInfos.shape(inputs.get(input)),
                                    Optional.ofNullable(stated.get(input))));
        }
        openLength = inputs.values().stream()
                .allMatch(input -> axes.get(input.getName()).isNone() || isOpenSequence(input));
    }

    private boolean isOpenSequence(ValueInfoProto input) {
        return axes.get(input.getName()).equals(BatchAxis.FIRST)
                && ValueInfos.shape(input)
                        .filter(shape -> shape.length == 2 && shape[1] < 0)
                        .isPresent();
    }

    private String arrayFor(String input) {
        if (dataset.names().contains(input)) {
            return input;
        }
        String only = dataset.names().iterator().next();
        if (inputs.size() == 1
                && dataset.names().size() == 1
                && (normalize.containsKey(only) || normalize.containsKey(input))) {
            return only;
        }
        throw new BadInput("the data has no array for the model's input '" + input + "': "
                + ClosestName.hint(input, dataset.names()));
    }

    /**
     * Batch axes of a model's outputs: the axis that doubles in length if one sample is run twice in a batch. Outputs without such an
     * axis, or with several entries per sample, are left out. For a model with a fixed batch size it is the first axis.
     */
    public Map<String, BatchAxis> axes(Session session) {
        var found = new LinkedHashMap<String, BatchAxis>();
        int size = batchSize(1);
        forEachBatch(0, Math.min(size, size()), size, fed -> {
            var one = session.run(fed.arrays());
            var two = batchSize(2) == 1 || size > 1 ? Map.<String, Tensor>of() : session.run(twice(fed.arrays()));
            one.forEach((name, tensor) -> {
                int axis =
                        two.isEmpty() ? 0 : longer(tensor.shape(), two.get(name).shape());
                if (axis >= 0 && axis < tensor.rank() && tensor.dim(axis) == fed.size()) {
                    found.put(name, new BatchAxis(axis));
                }
            });
        });
        return found;
    }

    private Map<String, Tensor> twice(Map<String, Tensor> feed) {
        var twice = new LinkedHashMap<String, Tensor>();
        feed.forEach((input, tensor) -> twice.put(
                input,
                axis(input).isNone()
                        ? tensor
                        : axis(input).place(axis(input).toFront(tensor).repeated())));
        return twice;
    }

    /** The only axis that differs; -1 if there is none or more than one. */
    private static int longer(long[] one, long[] two) {
        int longer = -1;
        for (int axis = 0; axis < one.length; axis++) {
            if (one.length != two.length || one[axis] != two[axis] && longer >= 0) {
                return -1;
            }
            longer = one[axis] == two[axis] ? longer : axis;
        }
        return longer;
    }

    /** Unused data and unused statements about it, with what was probably meant. */
    public List<String> unused() {
        return unused(Set.of());
    }

    /** The same if something other than the model reads these arrays. */
    public List<String> unused(Set<String> readElsewhere) {
        var found = new ArrayList<String>();
        dataset.names().stream()
                .filter(name -> !arrays.containsValue(name) && !readElsewhere.contains(name))
                .forEach(name -> found.add("array '" + name + "' of the data feeds no input of the model: "
                        + ClosestName.hint(name, inputs.keySet())));
        arrays.forEach((input, array) -> {
            if (dataset.type(array) != DataType.UINT8
                    && (normalize.containsKey(array) || normalize.containsKey(input))) {
                found.add("normalize." + (normalize.containsKey(array) ? array : input) + " has no effect: array '"
                        + array + "' is " + dataset.type(array) + ", but only UINT8 is normalized");
            }
        });
        return found;
    }

    /** Number of samples. */
    public int size() {
        return dataset.size();
    }

    /** Whether samples differ in length; run one at a time, they have no padding. */
    public boolean openLength() {
        return openLength;
    }

    /** Inputs combined from several batches, without the trailing columns that are padding in all rows. */
    public Map<String, Tensor> trimmed(Map<String, Tensor> feed) {
        if (!openLength) {
            return feed;
        }
        var sequences = new LinkedHashMap<>(feed);
        sequences.keySet().removeIf(input -> axis(input).isNone());
        var trimmed = new LinkedHashMap<>(feed);
        trimmed.putAll(Padding.trim(sequences));
        return trimmed;
    }

    /** The batch axis of an input of the model. */
    public BatchAxis axis(String input) {
        return axes.getOrDefault(input, BatchAxis.FIRST);
    }

    /** The normalization of the images that feed an input; empty if its array is fed unchanged. */
    public Optional<Normalization> normalization(String input) {
        String array = arrays.get(input);
        return Optional.ofNullable(normalize.getOrDefault(array, normalize.get(input)))
                .filter(stated -> dataset.type(array) == DataType.UINT8);
    }

    /** Whether every input that differs between samples has them on the first axis. */
    public boolean areFirst() {
        return axes.values().stream().allMatch(axis -> axis.isNone() || axis.equals(BatchAxis.FIRST));
    }

    /** The underlying data set, for labels and scores. */
    public Dataset dataset() {
        return dataset;
    }

    /** Samples {@code from} to {@code to} (exclusive) as model inputs, at most {@code size} at a time. */
    public void forEachBatch(int from, int to, int size, Consumer<Dataset.Batch> action) {
        forEachFull(
                from,
                to,
                size,
                batch -> action.accept(new Dataset.Batch(batch.first(), batch.size(), trimmed(batch.arrays()))));
    }

    /** Including all padding. */
    private void forEachFull(int from, int to, int size, Consumer<Dataset.Batch> action) {
        dataset.forEachBatch(from, to, batchSize(size), batch -> {
            var feed = new LinkedHashMap<String, Tensor>();
            arrays.forEach((input, array) -> feed.put(
                    input,
                    axis(input).isNone()
                            ? constants.computeIfAbsent(input, this::constant)
                            : fit(input, array, batch.arrays().get(array))));
            if (batch.size() == batchSize(batch.size())) {
                action.accept(new Dataset.Batch(batch.first(), batch.size(), feed));
            }
        });
    }

    private Tensor constant(String input) {
        try {
            var tensor = dataset.constant(
                    arrays.get(input),
                    ValueInfos.shape(inputs.get(input))
                            .map(shape -> shape.length)
                            .orElse(-1));
            return checked(input, arrays.get(input), tensor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The first sample, or as many as the model takes at once, with all padding, so that none is larger. Empty if there are too few. */
    Optional<Dataset.Batch> full() {
        var found = new ArrayList<Dataset.Batch>();
        forEachFull(0, Math.min(batchSize(1), size()), 1, found::add);
        return found.stream().findFirst();
    }

    /**
     * The batch size that is run if {@code wanted} samples are requested: the model's own if it is fixed.
     *
     * @throws BadInput if that is more than an array can hold
     */
    public int batchSize(int wanted) {
        for (var input : inputs.values()) {
            int axis = axis(input.getName()).axis();
            var shape = ValueInfos.shape(input).orElse(new long[0]);
            if (axis >= 0 && axis < shape.length && shape[axis] > 0) {
                if (shape[axis] > Integer.MAX_VALUE) {
                    throw new BadInput("input '" + input.getName() + "' takes " + shape[axis]
                            + " samples at once: export the model with an open batch axis");
                }
                return (int) shape[axis];
            }
        }
        return wanted;
    }

    /** How many samples can be run at once without padding: one if lengths differ, otherwise {@code wanted}. */
    public int unpadded(int wanted) {
        return openLength && inputs.containsKey(MASK) ? 1 : wanted;
    }

    private Tensor fit(String input, String array, Tensor samples) {
        var tensor = Feeding.withoutOwnAxis(samples, axis(input), ValueInfos.shape(inputs.get(input)));
        var normalization = normalize.getOrDefault(array, normalize.get(input));
        if (normalization != null && tensor.type() == DataType.UINT8) {
            tensor = normalization.apply(tensor);
        }
        return checked(input, array, axis(input).place(tensor));
    }

    private Tensor checked(String input, String array, Tensor tensor) {
        var wanted = ValueInfos.type(inputs.get(input))
                .orElseThrow(() -> new BadInput("the model's input '" + input + "' is not a number tensor"));
        if (tensor.type() != wanted) {
            throw new BadInput("array '" + array + "' is " + tensor.type() + ", but the model's input '" + input
                    + "' takes " + wanted + (tensor.type() == DataType.UINT8 ? ": say how to normalize it" : ""));
        }
        checkShape(input, array, tensor);
        checkFinite(array, tensor);
        return tensor;
    }

    private void checkShape(String input, String array, Tensor tensor) {
        var declared = ValueInfos.shape(inputs.get(input));
        if (declared.isEmpty()) {
            return;
        }
        var shape = tensor.shape();
        boolean fits = shape.length == declared.get().length;
        for (int i = 0; fits && i < shape.length; i++) {
            fits = i == axis(input).axis() || declared.get()[i] < 0 || declared.get()[i] == shape[i];
        }
        if (!fits) {
            throw new BadInput("array '" + array + "' is " + tensor + ", but the model's input '" + input + "' takes "
                    + Arrays.toString(declared.get()) + " (-1: any): " + Feeding.advice(input));
        }
    }

    private static void checkFinite(String array, Tensor tensor) {
        int size = tensor.type().isFloating() ? tensor.size() : 0;
        for (int i = 0; i < size; i++) {
            if (!Double.isFinite(tensor.get(i))) {
                throw new BadInput("array '" + array + "' contains " + tensor.get(i) + ": remove NaN and infinity");
            }
        }
    }

    @Override
    public void close() throws IOException {
        dataset.close();
    }
}
