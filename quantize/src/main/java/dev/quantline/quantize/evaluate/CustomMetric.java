package dev.quantline.quantize.evaluate;

import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.ClosestName;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Targets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The mean over samples of the figures that a {@link CustomMetricGraph} computes. */
final class CustomMetric implements Metric {
    /** Array with one number per two samples. */
    private static final String SCORES = "scores";

    private final CustomMetricGraph own;
    private final Dataset data;
    private final Session session;
    private final Map<String, Targets> arrays = new LinkedHashMap<>();
    private double sum;
    private int samples;

    /** @throws BadInput if ONNX Runtime rejects the graph */
    CustomMetric(CustomMetricGraph own, Dataset data) {
        this.own = own;
        this.data = data;
        try {
            session = Session.open(own.graph(), Provider.cpu(), Session.Optimization.ALL);
        } catch (BadInput refused) {
            throw wrong(refused.getMessage(), refused);
        }
    }

    private BadInput wrong(String what, Throwable cause) {
        return new BadInput("metric " + own.name() + ": " + what, cause);
    }

    @Override
    public List<String> outputs(Map<String, Tensor> outputs) {
        var read = own.inputs().stream()
                .map(ValueInfoProto::getName)
                .filter(outputs::containsKey)
                .toList();
        if (read.isEmpty()) {
            throw wrong(
                    "it reads none of the model's outputs " + outputs.keySet()
                            + ": give an input the name of the output to read",
                    null);
        }
        return read;
    }

    @Override
    public double[] measure(Dataset.Batch fed, Map<String, Tensor> outputs) {
        var given = new LinkedHashMap<String, Tensor>();
        own.inputs().forEach(input -> given.put(input.getName(), checked(input, value(input.getName(), fed, outputs))));
        var figures = figures(given);
        if (figures.rank() != 1 || figures.dim(0) != fed.size()) {
            throw wrong(
                    "it returns " + figures + " for " + fed.size()
                            + " samples, but must return one figure per sample, [samples]",
                    null);
        }
        var measured = new double[fed.size()];
        for (int i = 0; i < measured.length; i++) {
            measured[i] = figures.get(i);
            if (!Double.isFinite(measured[i])) {
                throw wrong("its figure for sample " + (fed.first() + i) + " is " + measured[i], null);
            }
        }
        return measured;
    }

    @Override
    public void count(double[] figures) {
        for (double each : figures) {
            sum += each;
        }
        samples += figures.length;
    }

    private Tensor figures(Map<String, Tensor> given) {
        try {
            return session.run(given).values().stream()
                    .findFirst()
                    .orElseThrow(() -> wrong("its output is not a tensor of numbers", null));
        } catch (BadInput refused) {
            throw wrong(refused.getMessage(), refused);
        }
    }

    /** The value of an output of the model; otherwise of an input as the model gets it; otherwise of an array for the metric. */
    private Tensor value(String name, Dataset.Batch fed, Map<String, Tensor> outputs) {
        return Optional.ofNullable(outputs.getOrDefault(name, fed.arrays().get(name)))
                .orElseGet(() -> {
                    if (!data.has(name) || name.equals(SCORES)) {
                        var known = new LinkedHashSet<>(outputs.keySet());
                        known.addAll(fed.arrays().keySet());
                        known.addAll(data.names());
                        Dataset.TARGETS.stream()
                                .filter(array -> data.has(array) && !array.equals(SCORES))
                                .forEach(known::add);
                        throw wrong(
                                "its input '" + name + "' is neither an output of the model nor an array of the data: "
                                        + ClosestName.hint(name, known),
                                null);
                    }
                    var rows = arrays.computeIfAbsent(name, data::targets);
                    return rows.trimmed(rows.of(fed), fed);
                });
    }

    private Tensor checked(ValueInfoProto input, Tensor value) {
        var shape = ValueInfos.shape(input);
        boolean fits = ValueInfos.type(input).filter(value.type()::equals).isPresent()
                && shape.map(wanted -> wanted.length == value.rank()).orElse(true);
        for (int axis = 0; fits && axis < shape.map(wanted -> wanted.length).orElse(0); axis++) {
            fits = shape.get()[axis] < 0 || shape.get()[axis] == value.dim(axis);
        }
        if (!fits) {
            throw wrong(
                    "its input '" + input.getName() + "' takes "
                            + ValueInfos.type(input).map(Enum::name).orElse("no numbers")
                            + shape.map(Arrays::toString).orElse("") + " (-1: any), but '" + input.getName() + "' is "
                            + value,
                    null);
        }
        return value;
    }

    @Override
    public double value() {
        return sum / samples;
    }

    @Override
    public boolean largerIsBetter() {
        return own.largerIsBetter();
    }

    @Override
    public void close() {
        session.close();
        arrays.values().forEach(Targets::close);
    }
}
