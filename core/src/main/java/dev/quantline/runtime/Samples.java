package dev.quantline.runtime;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Nearest;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * A data set bound to the inputs of a model: names, types and shapes checked, images normalised. Where every input is a
 * sequence {@code [batch, tokens]} of open length, columns at the end that {@code attention_mask} hides from all rows of
 * a batch are cut off: the model computes the same for the others, and padding enters no statistic.
 */
public final class Samples {
    private final Dataset dataset;
    private final Map<String, Normalization> normalize;
    private final Map<String, ValueInfoProto> inputs = new LinkedHashMap<>();
    private final Map<String, String> arrays = new LinkedHashMap<>();
    private final boolean openLength;

    /**
     * @param normalize by array name; the array named there may also feed the only input of a model that calls it
     *                  something else
     * @throws BadInput when an input has no array, or {@code normalize} names none
     */
    public Samples(Dataset dataset, Graph model, Map<String, Normalization> normalize) {
        this.dataset = dataset;
        this.normalize = normalize;
        model.inputs().forEach(input -> inputs.put(input.getName(), input));
        for (String name : normalize.keySet()) {
            if (!dataset.names().contains(name) && !inputs.containsKey(name)) {
                var known = Stream.concat(dataset.names().stream(), inputs.keySet().stream()).distinct().toList();
                throw new BadInput("normalize names '" + name + "', which no array and no input of the model is called: "
                    + Nearest.hint(name, known));
            }
        }
        for (String input : inputs.keySet()) {
            arrays.put(input, arrayFor(input));
        }
        openLength = inputs.values().stream().allMatch(this::isOpenSequence);
    }

    private boolean isOpenSequence(ValueInfoProto input) {
        return ValueInfos.shape(input).filter(shape -> shape.length == 2 && shape[1] < 0).isPresent();
    }

    private String arrayFor(String input) {
        if (dataset.names().contains(input)) {
            return input;
        }
        String only = dataset.names().iterator().next();
        if (inputs.size() == 1 && dataset.names().size() == 1 && (normalize.containsKey(only) || normalize.containsKey(input))) {
            return only;
        }
        throw new BadInput("the data has no array for the model's input '" + input + "': " + Nearest.hint(input, dataset.names()));
    }

    /** Number of samples. */
    public int size() {
        return dataset.size();
    }

    /** Whether the samples differ in length: one at a time then comes without padding. */
    public boolean openLength() {
        return openLength;
    }

    /** Inputs put together from several batches, without the columns at the end that are padding in all rows. */
    public Map<String, Tensor> trimmed(Map<String, Tensor> feed) {
        return openLength ? Padding.trim(feed) : feed;
    }

    /** The data set behind it, for labels and scores. */
    public Dataset dataset() {
        return dataset;
    }

    /** Samples {@code from} to {@code to} (exclusive) as model inputs, at most {@code size} at a time. */
    public void forEachBatch(int from, int to, int size, Consumer<Dataset.Batch> action) {
        dataset.forEachBatch(from, to, batchSize(size), batch -> {
            var feed = new LinkedHashMap<String, Tensor>();
            arrays.forEach((input, array) -> feed.put(input, fit(input, array, batch.arrays().get(array))));
            if (batch.size() == batchSize(batch.size())) {
                action.accept(new Dataset.Batch(batch.first(), batch.size(), openLength ? Padding.trim(feed) : feed));
            }
        });
    }

    /** The batch size that is run when {@code wanted} samples are asked for: the model's own where its first axis is fixed. */
    public int batchSize(int wanted) {
        return inputs.values().stream().flatMap(info -> ValueInfos.shape(info).stream())
            .filter(shape -> shape.length > 0 && shape[0] > 0).mapToInt(shape -> (int) shape[0]).findFirst().orElse(wanted);
    }

    /** How many samples can be run at once without padding: one where lengths differ, else as many as wanted. */
    public int unpadded(int wanted) {
        return openLength && inputs.containsKey("attention_mask") ? 1 : wanted;
    }

    private Tensor fit(String input, String array, Tensor tensor) {
        var wanted = ValueInfos.type(inputs.get(input)).orElseThrow(
            () -> new BadInput("the model's input '" + input + "' is not a number tensor"));
        var normalization = normalize.getOrDefault(array, normalize.get(input));
        if (normalization != null && tensor.type() == DataType.UINT8) {
            tensor = normalization.apply(tensor);
        }
        if (tensor.type() != wanted) {
            throw new BadInput("array '" + array + "' is " + tensor.type() + ", the model's input '" + input + "' takes " + wanted
                + (tensor.type() == DataType.UINT8 ? ": say how to normalize it" : ""));
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
        for (int i = 1; fits && i < shape.length; i++) {
            fits = declared.get()[i] < 0 || declared.get()[i] == shape[i];
        }
        if (!fits) {
            throw new BadInput("array '" + array + "' is " + tensor + ", the model's input '" + input + "' takes "
                + Arrays.toString(declared.get()) + " (-1: any)");
        }
    }

    private static void checkFinite(String array, Tensor tensor) {
        int size = tensor.type().isFloating() ? tensor.size() : 0;
        for (int i = 0; i < size; i++) {
            if (!Double.isFinite(tensor.get(i))) {
                throw new BadInput("array '" + array + "' holds " + tensor.get(i) + ": remove NaN and infinity");
            }
        }
    }
}
