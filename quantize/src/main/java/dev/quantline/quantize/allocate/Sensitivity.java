package dev.quantline.quantize.allocate;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Node;
import dev.quantline.onnx.Operators;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.onnx.runtime.Spilling;
import dev.quantline.onnx.runtime.TensorBatches;
import dev.quantline.quantize.evaluate.ComparedOutputs;
import dev.quantline.quantize.evaluate.OutputLoss;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.settings.Width;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;

/**
 * Measures the loss of each layer at each width: that layer alone is quantized, everything else is float.
 *
 * <p>The graph is walked once. Before each layer, the tensors that are still needed are available batch by batch; the layer
 * runs by itself at every width, and only what follows it runs again for each. Everything before a layer is computed once for
 * all widths, and memory holds only the tensors that are live at one point of the graph, not all activations.
 */
public final class Sensitivity {
    private static final int TIMINGS = 7;
    /** Sets of tensors kept at once: those before a layer and, while advancing, those after it; outputs of the float model. */
    private static final int SHARES = 3;

    private final FloatModels models;
    private final Graph model;
    private final Candidates candidates;
    private final OutputLoss loss;
    private final Provider provider;
    private final Segment segments;
    private final Spilling spilling;
    private final List<Dataset.Batch> fed = new ArrayList<>();
    private final TensorBatches references;
    private TensorBatches alive;
    private int samples;

    private Sensitivity(
            FloatModels models, Candidates candidates, OutputLoss loss, Provider provider, Spilling spilling) {
        this.models = models;
        model = ComparedOutputs.of(models.calibrated()).alone(models.calibrated());
        this.candidates = candidates;
        this.loss = loss;
        this.provider = provider;
        this.spilling = spilling.share(SHARES);
        references = new TensorBatches(this.spilling);
        alive = new TensorBatches(this.spilling);
        segments = new Segment(model);
    }

    /**
     * Measures layers.
     *
     * @param models float models that the candidates belong to
     * @param layers layers to measure, from {@link Candidates#layers}
     * @param from  first sample, held out from calibration if there are enough
     * @param to    end of the samples, exclusive
     * @param batch number of samples run at once
     * @param spilling how many of the tensors still needed stay in memory; losses do not depend on it
     * @return the table without fixed bytes; losses are means over the samples, and negative ones count as 0
     * @throws BadInput if the samples do not fill one batch
     */
    public static Table measure(
            FloatModels models,
            Candidates candidates,
            Set<String> layers,
            Samples samples,
            int from,
            int to,
            int batch,
            OutputLoss loss,
            Provider provider,
            Spilling spilling,
            Progress progress) {
        var sensitivity = new Sensitivity(models, candidates, loss, provider, spilling);
        try {
            sensitivity.feed(samples, from, to, batch);
            return sensitivity.walk(layers, progress);
        } finally {
            sensitivity.alive.close();
            sensitivity.references.close();
        }
    }

    /**
     * Loss of a whole plan on samples, measured as {@link #measure} does for one layer.
     *
     * @param quantized the model with the plan applied
     */
    public static double loss(
            Graph model,
            Graph quantized,
            Samples samples,
            int from,
            int to,
            int batch,
            OutputLoss loss,
            Provider provider) {
        double[] sum = new double[2];
        var compared = ComparedOutputs.of(model).in(quantized);
        try (var before = Session.open(compared.alone(model), provider, Session.Optimization.EXACT);
                var after = Session.open(compared.alone(quantized), provider, Session.Optimization.EXACT)) {
            samples.forEachBatch(from, to, batch, arrays -> {
                sum[0] += loss.of(arrays, before.run(arrays.arrays()), after.run(arrays.arrays()));
                sum[1] += arrays.size();
            });
        }
        return Math.max(0, sum[0] / sum[1]);
    }

    private void feed(Samples data, int from, int to, int batch) {
        try (var session = open(model)) {
            data.forEachBatch(from, to, batch, arrays -> {
                fed.add(arrays);
                alive.add(arrays.arrays());
                references.add(session.run(arrays.arrays()));
                samples += arrays.size();
            });
        }
        if (fed.isEmpty()) {
            throw new BadInput("sensitivities need at least one batch of calibration samples");
        }
    }

    private Session open(Graph graph) {
        return Session.open(graph, provider, Session.Optimization.EXACT);
    }

    private Table walk(Set<String> layers, Progress progress) {
        var rows = new ArrayList<Table.Row>();
        int done = 0;
        for (int i = 0; i < model.nodes().size(); i++) {
            var node = model.nodes().get(i);
            if (layers.contains(node.name())) {
                advance(done, i);
                done = i;
                rows.add(row(node, i));
                progress.report(
                        (double) rows.size() / layers.size(),
                        "sensitivity of layer " + rows.size() + " of " + layers.size());
            }
        }
        return new Table(rows, 0);
    }

    /** Runs nodes {@code from} to {@code to} and keeps the tensors needed from {@code to} on. */
    private void advance(int from, int to) {
        var nodes = model.nodes().subList(from, to);
        var later = segments.reads(model.nodes().subList(to, model.nodes().size()));
        var made = new HashSet<String>();
        nodes.forEach(node -> made.addAll(node.outputs()));
        var wanted = later.stream().filter(made::contains).toList();
        try (var before = alive;
                var session = wanted.isEmpty() ? null : open(segments.of(nodes, before.get(0), wanted))) {
            alive = new TensorBatches(spilling);
            for (int i = 0; i < before.size(); i++) {
                var tensors = before.get(i);
                var needed = new LinkedHashMap<>(tensors);
                if (session != null) {
                    needed.putAll(session.run(tensors, wanted));
                }
                needed.keySet().retainAll(later);
                alive.add(needed);
            }
        }
    }

    private Table.Row row(Node layer, int at) {
        var options = new ArrayList<Table.Option>();
        var rest = model.nodes().subList(at + 1, model.nodes().size());
        var made = layer.outputs().stream().filter(name -> !name.isEmpty()).toList();
        var known = alive.get(0);
        try (var alone = open(segments.of(List.of(layer), known, made))) {
            known.putAll(alone.run(known));
        }
        // Outputs that do not depend on the layer stay as they are.
        var changed = model.outputs().stream()
                .map(output -> output.getName())
                .filter(name -> made.contains(name)
                        || rest.stream().anyMatch(node -> node.outputs().contains(name)))
                .toList();
        var behind = changed.stream().filter(name -> !made.contains(name)).toList();
        try (var suffix = behind.isEmpty() ? null : open(segments.of(rest, known, behind))) {
            for (var width : candidates.widths()) {
                options.add(option(layer, width, known.get(made.getFirst()), suffix, behind));
            }
        }
        return new Table.Row(layer.name(), layer.op(), candidates.gridOf(layer.inputs()), options);
    }

    private Table.Option option(Node layer, Width width, Tensor output, Session suffix, List<String> behind) {
        var plan = candidates.alone(layer.name(), layer.inputs(), width);
        double sum = 0;
        double milliseconds;
        var made = layer.outputs().stream().filter(name -> !name.isEmpty()).toList();
        var part = models.withConstants(segments.of(List.of(layer), alive.get(0), made), width);
        var quantized = plan.applyTo(part);
        try (var alone = open(quantized)) {
            for (int i = 0; i < fed.size(); i++) {
                var tensors = alive.get(i);
                var reference = references.get(i);
                tensors.putAll(alone.run(tensors));
                var changed = new LinkedHashMap<>(reference);
                changed.replaceAll((name, exact) -> made.contains(name) ? tensors.get(name) : exact);
                if (suffix != null) {
                    changed.putAll(suffix.run(tensors, behind));
                }
                sum += loss.of(fed.get(i), reference, changed);
            }
        }
        try (var deployed = Session.open(quantized, provider, Session.Optimization.ALL)) {
            milliseconds = milliseconds(deployed) / fed.getFirst().size();
        }
        long bytes = plan.weights().stream()
                .mapToLong(weight -> Storage.bytes(model.initializers().get(weight.tensor()), weight.quantizer()))
                .sum();
        double operations = multiplications(layer, plan.weights().getFirst(), output)
                / fed.getFirst().size();
        return new Table.Option(
                width,
                Math.max(0, sum / samples),
                bytes,
                operations * width.weights() * width.activations(),
                milliseconds);
    }

    /** Median time of one run on the first batch. */
    private double milliseconds(Session session) {
        var first = alive.get(0);
        var times = new double[TIMINGS];
        for (int i = 0; i < TIMINGS; i++) {
            long start = System.nanoTime();
            session.run(first);
            times[i] = (System.nanoTime() - start) / 1e6;
        }
        Arrays.sort(times);
        return times[TIMINGS / 2];
    }

    /** Every output element sums as many products as one output channel has weights. */
    private double multiplications(Node layer, QuantizationPlan.Weight weight, Tensor output) {
        if (!Operators.LAYERS.has(layer)) {
            return 0;
        }
        var constant = model.initializers().get(weight.tensor());
        int channels = constant.dim(Operators.outputAxis(layer) == 0 ? 0 : weight.input() == 1 ? -1 : -2);
        return (double) output.size() * constant.size() / channels;
    }
}
