package dev.quantline.data;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Normalization;
import dev.quantline.onnx.runtime.NpzArrays;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Checks whether a model accepts an {@code .npz} and whether its values look plausible; reports all findings at once. */
public final class DataCheck {
    /** Values of normalised pictures lie within a few standard deviations. */
    private static final double NORMALIZED = 20;

    private static final double LARGEST_BYTE = 255;

    private final NpzArrays file;
    private final Graph model;
    private final Map<String, Normalization> normalize;
    private final Map<String, NpzArrays.Header> arrays = new LinkedHashMap<>();
    private final List<String> table = new ArrayList<>();
    private final List<Finding> findings = new ArrayList<>();

    private DataCheck(NpzArrays file, Graph model, Map<String, Normalization> normalize) {
        this.file = file;
        this.model = model;
        this.normalize = normalize;
        file.list().forEach(header -> arrays.put(header.name(), header));
    }

    /**
     * What was found.
     *
     * @param table    a line for each input: what it takes, and what it gets from which array
     * @param findings what is wrong or doubtful
     */
    public record Result(List<String> table, List<Finding> findings) {
        /** Whether nothing is wrong. */
        public boolean usable() {
            return findings.stream().noneMatch(Finding.Wrong.class::isInstance);
        }
    }

    /**
     * Checks a file.
     *
     * @param normalize as in a job request: by array or by input
     * @throws BadInput when the file cannot be read at all
     */
    public static Result of(Path npz, Graph model, Map<String, Normalization> normalize) throws IOException {
        try (var file = NpzArrays.open(npz)) {
            var check = new DataCheck(file, model, normalize);
            check.run();
            return new Result(List.copyOf(check.table), List.copyOf(check.findings));
        }
    }

    private void run() throws IOException {
        var inputs = ModelInput.of(model);
        var fed = new LinkedHashSet<String>();
        var constant = new LinkedHashSet<String>();
        for (var input : inputs) {
            var array = arrayOf(input, inputs);
            if (array.isEmpty()) {
                table.add(line(input, "nothing"));
                wrong("the model's input '%s' gets no array: %s"
                        .formatted(
                                input.name(),
                                normalizable(inputs)
                                        .map(name -> "array '" + name + "' is used for it if --normalize names it")
                                        .orElseGet(() -> ClosestName.hint(input.name(), arrays.keySet()))));
            } else {
                fed.add(array.get().name());
                if (isConstant(input, array.get()) || array.get().rank() == 0) {
                    constant.add(array.get().name());
                }
                check(input, array.get());
            }
        }
        var names = inputs.stream().map(ModelInput::name).toList();
        arrays.keySet().stream()
                .filter(name -> !fed.contains(name) && !Dataset.TARGETS.contains(name))
                .forEach(name -> doubtful(
                        "array '%s' feeds no input of the model: %s".formatted(name, ClosestName.hint(name, names))));
        checkRows(fed.stream().filter(name -> !constant.contains(name)).toList());
        checkLabels();
        checkScores();
        checkBoxes();
    }

    /** As the pipeline binds them: by name, or the only array to the only input if it is normalised. */
    private Optional<NpzArrays.Header> arrayOf(ModelInput input, List<ModelInput> inputs) {
        var only = arrays.values().stream()
                .filter(header -> !Dataset.TARGETS.contains(header.name()))
                .toList();
        if (!arrays.containsKey(input.name())
                && inputs.size() == 1
                && only.size() == 1
                && (normalize.containsKey(only.getFirst().name()) || normalize.containsKey(input.name()))) {
            return Optional.of(only.getFirst());
        }
        return Optional.ofNullable(arrays.get(input.name()));
    }

    private Optional<String> normalizable(List<ModelInput> inputs) {
        var only = arrays.values().stream()
                .filter(header -> !Dataset.TARGETS.contains(header.name()))
                .toList();
        return inputs.size() == 1 && only.size() == 1 && only.getFirst().type() == DataType.UINT8
                ? Optional.of(only.getFirst().name())
                : Optional.empty();
    }

    private void check(ModelInput input, NpzArrays.Header array) throws IOException {
        boolean normalized =
                array.type() == DataType.UINT8 && normalizationOf(input, array).isPresent();
        table.add(line(
                input,
                "array '%s' %s %s, samples along axis %d%s"
                        .formatted(
                                array.name(),
                                array.type(),
                                Arrays.toString(array.shape()),
                                input.batchAxis(),
                                normalized ? ", normalised" : "")));
        if (!(normalized ? DataType.FLOAT : array.type()).equals(input.type())) {
            wrong("array '%s' is %s, but the model's input '%s' takes %s%s"
                    .formatted(
                            array.name(),
                            array.type(),
                            input.name(),
                            input.type(),
                            array.type() == DataType.UINT8 && !normalized
                                    ? ": say how to normalize it, or store it as floats"
                                    : ""));
        }
        checkShape(input, array, normalized);
        if (array.rows() > 0) {
            checkValues(input, array, normalized);
        }
    }

    private Optional<Normalization> normalizationOf(ModelInput input, NpzArrays.Header array) {
        return Optional.ofNullable(normalize.getOrDefault(array.name(), normalize.get(input.name())));
    }

    private void checkShape(ModelInput input, NpzArrays.Header array, boolean normalized) {
        if (input.axes().isPresent() && input.axes().get().length == 0 || isConstant(input, array)) {
            return;
        }
        boolean whole = input.axes().isPresent() && array.rank() == input.axes().get().length + 1;
        int batch = input.batchAxis();
        var shape = whole ? withoutOwnAxis(array.shape(), batch) : array.shape();
        if (batch > 0 && !whole) {
            doubtful(
                    ("the model's input '%s' has its samples along axis %d, '%s'; an array has them first, so tell quantize "
                                    + "--batch-axis %1$s=%2$d")
                            .formatted(input.name(), batch, input.names().get(batch)));
        }
        if (!input.mayHaveRank(shape.length)) {
            wrong("array '%s' has %d axes, but the model's input '%s' %d: %s"
                    .formatted(
                            array.name(),
                            array.rank(),
                            input.name(),
                            input.names().size(),
                            input.described()));
            return;
        }
        var expected = expected(input, shape.length, batch);
        for (int i = 1; i < shape.length; i++) {
            if (expected[i] >= 0 && expected[i] != shape[i]) {
                wrong("array '%s' is %s, but the model's input '%s' takes %s%s"
                        .formatted(
                                array.name(),
                                Arrays.toString(array.shape()),
                                input.name(),
                                input.described(),
                                turned(expected, shape)));
                return;
            }
        }
        normalizationOf(input, array)
                .filter(given -> normalized && (shape.length < 2 || given.mean().length != shape[1]))
                .ifPresent(given ->
                        wrong("array '%s' is %s, but is to be normalised with %d values, one for each entry of axis 1"
                                .formatted(array.name(), Arrays.toString(shape), given.mean().length)));
        if (expected.length > 0 && expected[0] > 1 && shape[0] % expected[0] != 0) {
            doubtful("the model takes %d samples at once, and %d of array '%s' do not fill a batch"
                    .formatted(expected[0], shape[0] % expected[0], array.name()));
        }
    }

    /** An array of exactly the input's fixed shape may be the same for all samples, which the pipeline tells by their number. */
    private boolean isConstant(ModelInput input, NpzArrays.Header array) {
        return input.axes().isPresent()
                && Arrays.equals(input.axes().get(), array.shape())
                && arrays.values().stream()
                        .anyMatch(other -> !Dataset.TARGETS.contains(other.name()) && other.rows() != array.rows());
    }

    /** Where each entry is a whole input, its axis of samples has one; any other size is left for the comparison to find. */
    private static long[] withoutOwnAxis(long[] shape, int batch) {
        if (shape[batch + 1] != 1) {
            return shape;
        }
        var rest = new long[shape.length - 1];
        System.arraycopy(shape, 0, rest, 0, batch + 1);
        System.arraycopy(shape, batch + 2, rest, batch + 1, shape.length - batch - 2);
        return rest;
    }

    /** Sizes that an array must have, samples first, -1 where any will do. */
    private static long[] expected(ModelInput input, int rank, int batch) {
        var sizes = new long[rank];
        Arrays.fill(sizes, -1);
        input.axes().ifPresent(axes -> {
            for (int i = 0, to = 1; i < rank; i++) {
                sizes[i == batch ? 0 : to++] = axes[i];
            }
        });
        return sizes;
    }

    private static String turned(long[] expected, long[] shape) {
        boolean last = shape.length == 4 && shape[3] == expected[1] && expected[1] > 0;
        boolean first = shape.length == 4 && shape[1] == expected[3] && expected[3] > 0;
        return last
                ? ": its channels are last, but belong after the samples"
                : first ? ": its channels belong last" : "";
    }

    private void checkValues(ModelInput input, NpzArrays.Header array, boolean normalized) throws IOException {
        var values = Statistics.of(file, array.name());
        if (values.notFinite() > 0) {
            wrong("array '%s' holds %d values that are NaN or infinite, the first in sample %d"
                    .formatted(array.name(), values.notFinite(), values.firstNotFinite()));
        }
        boolean single = input.axes().isPresent() && input.axes().get().length == 0;
        if (values.isConstant() && !single && !isMask(array) && !isSegment(array)) {
            doubtful("all values of array '%s' are %s".formatted(array.name(), Numbers.brief(values.least())));
        }
        if (array.type().isFloating() && array.rank() == 4) {
            checkScale(input, array, values);
        }
        if (normalized && values.most() <= 1) {
            doubtful(
                    "array '%s' holds no byte above 1, but is to be normalised: it looks normalised already and truncated to integers"
                            .formatted(array.name()));
        }
        if (!array.type().isFloating() && !normalized) {
            checkTokens(input, array, values);
        }
    }

    private void checkScale(ModelInput input, NpzArrays.Header array, Statistics values) {
        double reach = Math.max(Math.abs(values.least()), Math.abs(values.most()));
        if (reach > NORMALIZED && !new FirstUse(model).normalizes(input.name())) {
            wrong("the values of array '%s' range from %s to %s and do not look normalised: %s"
                    .formatted(
                            array.name(),
                            Numbers.brief(values.least()),
                            Numbers.brief(values.most()),
                            values.least() >= 0 && values.most() <= LARGEST_BYTE
                                    ? "store such pictures as uint8 and give --normalize"
                                    : "bring them to the scale of the model's training"));
        }
    }

    private void checkTokens(ModelInput input, NpzArrays.Header array, Statistics values) {
        new FirstUse(model).vocabulary(input.name()).ifPresent(vocabulary -> {
            if (values.least() < 0 || values.most() >= vocabulary) {
                wrong(
                        "array '%s' holds tokens from %s to %s, but the model knows %d, numbered from 0: is it the model's tokenizer?"
                                .formatted(
                                        array.name(),
                                        Numbers.brief(values.least()),
                                        Numbers.brief(values.most()),
                                        vocabulary));
            }
        });
        if (isMask(array) && (values.least() < 0 || values.most() > 1)) {
            wrong("array '%s' must hide tokens with 0 and show them with 1, but holds %s to %s"
                    .formatted(array.name(), Numbers.brief(values.least()), Numbers.brief(values.most())));
        }
        if (isMask(array) && values.emptyRows() > 0) {
            doubtful("array '%s' hides all tokens of %d samples".formatted(array.name(), values.emptyRows()));
        }
    }

    private static boolean isMask(NpzArrays.Header array) {
        return array.name().contains("mask") && !array.type().isFloating();
    }

    private static boolean isSegment(NpzArrays.Header array) {
        return array.name().contains("type") && !array.type().isFloating();
    }

    private void checkRows(Iterable<String> fed) {
        Integer rows = null;
        String first = null;
        for (String name : fed) {
            int here = arrays.get(name).rows();
            if (here == 0) {
                wrong("array '" + name + "' has no samples");
            } else if (rows != null && here != rows) {
                wrong("array '%s' has %d samples, but '%s' has %d".formatted(name, here, first, rows));
            }
            first = first == null ? name : first;
            rows = rows == null ? Integer.valueOf(here) : rows;
        }
        if (rows == null) {
            return;
        }
        int samples = rows;
        checkCount("labels", samples, "one per sample");
        checkCount("scores", samples / 2, "one for each pair of samples");
        var targets = arrays.get("targets");
        if (targets != null && targets.rows() != samples) {
            wrong("array 'targets' has %d rows, but there are %d samples".formatted(targets.rows(), samples));
        }
    }

    private void checkCount(String name, int wanted, String rule) {
        var header = arrays.get(name);
        if (header != null && !Arrays.equals(header.shape(), new long[] {wanted})) {
            wrong("array '%s' has the shape %s, but %d numbers are needed, %s"
                    .formatted(name, Arrays.toString(header.shape()), wanted, rule));
        }
    }

    private void checkLabels() throws IOException {
        if (!arrays.containsKey("labels") || arrays.get("labels").rows() == 0) {
            return;
        }
        var values = Statistics.of(file, "labels");
        if (values.least() < 0 || values.hasFractions() || values.notFinite() > 0) {
            wrong("labels number classes from 0 on, but array 'labels' holds %s to %s%s"
                    .formatted(
                            Numbers.brief(values.least()),
                            Numbers.brief(values.most()),
                            values.hasFractions() ? ", with fractions" : ""));
        }
        var outputs = model.outputs().stream()
                .flatMap(info -> ValueInfos.shape(info).stream())
                .filter(shape -> shape.length == 2 && shape[1] > 1)
                .toList();
        if (outputs.size() == 1 && values.most() >= outputs.getFirst()[1]) {
            wrong("labels reach to %s, but the model has %d classes, numbered from 0"
                    .formatted(Numbers.brief(values.most()), outputs.getFirst()[1]));
        }
        if (values.isConstant()) {
            doubtful("all labels are " + Numbers.brief(values.least()));
        }
    }

    private void checkScores() throws IOException {
        if (arrays.containsKey("scores") && arrays.get("scores").rows() > 0) {
            var values = Statistics.of(file, "scores");
            if (values.notFinite() > 0) {
                wrong("array 'scores' holds %d values that are NaN or infinite".formatted(values.notFinite()));
            } else if (values.isConstant()) {
                wrong("all scores are %s: nothing can be ordered by them".formatted(Numbers.brief(values.least())));
            }
        }
    }

    private void checkBoxes() throws IOException {
        if (arrays.containsKey("targets")) {
            BoxTargets.fault(file, arrays.get("targets"))
                    .ifPresent(fault -> doubtful(
                            "array 'targets' does not hold boxes (class, x1, y1, x2, y2), which --metric map needs: "
                                    + fault));
        }
    }

    private static String line(ModelInput input, String gets) {
        return "input %-16s %-28s gets %s".formatted(input.name(), input.described(), gets);
    }

    private void wrong(String text) {
        findings.add(new Finding.Wrong(text));
    }

    private void doubtful(String text) {
        findings.add(new Finding.Doubtful(text));
    }
}
