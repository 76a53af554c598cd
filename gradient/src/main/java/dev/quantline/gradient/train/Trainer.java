package dev.quantline.gradient.train;

import dev.quantline.gradient.TrainingGraph;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Takes training steps: one run of the graph, which writes loss and gradients into preallocated memory, and one update by
 * the optimizers. The same inputs and steps give the same bits. Not thread-safe.
 */
public final class Trainer implements AutoCloseable {
    private final TrainingGraph training;
    private final Session session;
    private final Parameters parameters;
    private final Settings settings;
    private final Tensor loss = Tensor.zeros(DataType.FLOAT);
    private final Map<String, Tensor> results = new LinkedHashMap<>();
    private final List<ComputedParameter> derived;
    private final Running running;
    private final Map<String, Tensor> computed = new LinkedHashMap<>();
    private final Map<String, Tensor> incoming = new LinkedHashMap<>();
    private int steps;

    /**
     * @param groups   each trained tensor belongs to exactly one of them
     * @param schedule factor on all learning rates
     * @param clip     largest norm of all gradients together, to which larger ones are scaled down; 0 for no limit
     */
    public record Settings(List<Group> groups, Schedule schedule, double clip) {
        public Settings {
            groups = List.copyOf(groups);
        }
    }

    /**
     * Opens a session for the graph and copies the initial values.
     *
     * @param initial values of the trained tensors by name; others are ignored
     * @throws dev.quantline.onnx.BadInput if a group names a tensor without FLOAT values, or a tensor twice
     */
    public Trainer(TrainingGraph training, Map<String, Tensor> initial, Settings settings, Provider provider) {
        this(training, initial, settings, List.of(), provider);
    }

    /**
     * The same for a graph with inputs computed from trained tensors.
     *
     * @param derived those inputs; their sources are in the groups, but they themselves are not
     * @throws dev.quantline.onnx.BadInput if a group names a tensor without FLOAT values, or a tensor twice
     */
    public Trainer(
            TrainingGraph training,
            Map<String, Tensor> initial,
            Settings settings,
            List<ComputedParameter> derived,
            Provider provider) {
        this(training, initial, settings, derived, Running.NONE, provider);
    }

    /**
     * The same with inputs that are computed from outputs of earlier steps.
     *
     * @throws dev.quantline.onnx.BadInput if a group names a tensor without FLOAT values, or a tensor twice
     */
    public Trainer(
            TrainingGraph training,
            Map<String, Tensor> initial,
            Settings settings,
            List<ComputedParameter> derived,
            Running running,
            Provider provider) {
        this.derived = List.copyOf(derived);
        this.running = running;
        this.training = training;
        this.settings = settings;
        parameters = new Parameters(initial, settings.groups(), settings.schedule());
        session = Session.open(training.graph(), provider, Session.Optimization.EXACT);
        results.put(training.loss(), loss);
        results.putAll(running.observed());
        for (var input : derived) {
            computed.put(input.tensor(), Tensor.zeros(DataType.FLOAT, input.shape()));
            incoming.put(input.tensor(), Tensor.zeros(DataType.FLOAT, input.shape()));
        }
        training.gradients()
                .forEach((tensor, output) -> results.put(
                        output,
                        incoming.containsKey(tensor)
                                ? incoming.get(tensor)
                                : parameters.gradients().get(tensor)));
    }

    /**
     * Takes one step on one batch.
     *
     * @return the loss before the step; if it is not finite, the tensors stay unchanged
     */
    public double step(Map<String, Tensor> batch) {
        double value = gradients(batch);
        if (Double.isFinite(value)) {
            update();
        }
        return value;
    }

    /**
     * Computes loss and gradients of one batch without changing the tensors.
     *
     * @return the loss
     */
    public double gradients(Map<String, Tensor> batch) {
        var inputs = new HashMap<>(batch);
        inputs.putAll(parameters.values());
        inputs.putAll(running.inputs());
        derived.parallelStream().forEach(input -> input.compute(parameters.values(), computed.get(input.tensor())));
        inputs.putAll(computed);
        session.runInto(inputs, results);
        derived.parallelStream()
                .forEach(input ->
                        input.back(parameters.values(), incoming.get(input.tensor()), steps, parameters.gradients()));
        return loss.get(0);
    }

    /** Norm of all gradients computed last, together. */
    public double gradientNorm() {
        return parameters.gradientNorm();
    }

    /** Applies the gradients computed last, which are overwritten. */
    public void update() {
        if (settings.clip() > 0) {
            double norm = parameters.gradientNorm();
            if (norm > settings.clip()) {
                parameters.scaleGradients(settings.clip() / norm);
            }
        }
        parameters.update(steps++, settings.schedule());
        running.follow();
    }

    /** Number of steps taken, including those before a restored checkpoint. */
    public int steps() {
        return steps;
    }

    /** The trained tensors by name, as views of the memory that steps change. */
    public Map<String, Tensor> values() {
        return parameters.values();
    }

    /** Copies of the trained tensors in their current state. */
    public Map<String, Tensor> copies() {
        return parameters.copies(parameters.values().keySet());
    }

    /** Everything that later steps depend on, by name, as views. */
    Map<String, Tensor> state() {
        var state = new LinkedHashMap<>(parameters.state());
        state.putAll(running.state());
        return state;
    }

    /** Returns to a saved state. */
    void restore(Map<String, Tensor> state, int steps) {
        state().forEach((name, memory) -> memory.data().put(state.get(name).data()));
        running.restored();
        this.steps = steps;
    }

    @Override
    public void close() {
        session.close();
    }
}
