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
 * Takes training steps: one run of the graph, which writes loss and gradients into memory kept here, and one update by the
 * optimizers. Same inputs, same steps, same bits. Not for several threads at once.
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
     * @param groups   every trained tensor in one of them
     * @param schedule factor on all rates
     * @param clip     largest norm of all gradients together, longer ones are scaled down to it; 0 for no limit
     */
    public record Settings(List<Group> groups, Schedule schedule, double clip) {
        public Settings {
            groups = List.copyOf(groups);
        }
    }

    /**
     * Opens a session for the graph and copies the initial values.
     *
     * @param initial values of the trained tensors by name; more may be given
     * @throws dev.quantline.onnx.BadInput when a group names a tensor without FLOAT values, or one twice
     */
    public Trainer(TrainingGraph training, Map<String, Tensor> initial, Settings settings, Provider provider) {
        this(training, initial, settings, List.of(), provider);
    }

    /**
     * The same for a graph some of whose inputs are computed from trained tensors.
     *
     * @param derived those inputs; their sources are in the groups, they themselves are not
     * @throws dev.quantline.onnx.BadInput when a group names a tensor without FLOAT values, or one twice
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
     * The same with inputs that follow from what earlier steps put out.
     *
     * @throws dev.quantline.onnx.BadInput when a group names a tensor without FLOAT values, or one twice
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
     * One step on one batch.
     *
     * @return the loss before the step; when it is not finite the tensors are left as they were
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

    /** Length of all gradients computed last, together. */
    public double gradientNorm() {
        return parameters.gradientNorm();
    }

    /** Applies the gradients computed last, which are used up by it. */
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

    /** Steps taken, those before a restored checkpoint included. */
    public int steps() {
        return steps;
    }

    /** The trained tensors by name: views of the memory that steps change. */
    public Map<String, Tensor> values() {
        return parameters.values();
    }

    /** Copies of the trained tensors as they are now. */
    public Map<String, Tensor> copies() {
        return parameters.copies(parameters.values().keySet());
    }

    /** Everything a later step depends on: views by name. */
    Map<String, Tensor> state() {
        var state = new LinkedHashMap<>(parameters.state());
        state.putAll(running.state());
        return state;
    }

    /** Goes back to a saved state. */
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
