package dev.quantline.gradient.train;

import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Blas;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;
import org.nd4j.linalg.learning.GradientUpdater;

/**
 * Trained tensors, their gradients and the optimizers' state, each in one flat array of direct memory: ONNX Runtime reads
 * and writes the tensors in the memory that ND4J's updaters work on.
 */
final class Parameters {
    static {
        Blas.settle();
    }

    private static final int ALIGNED = 16;

    private final INDArray values;
    private final INDArray gradients;
    private final Map<String, Tensor> valueViews;
    private final Map<String, Tensor> gradientViews;
    private final List<Section> sections = new ArrayList<>();

    /** The part of the arrays that belongs to one group. */
    private record Section(
            INDArray values, INDArray gradients, INDArray state, GradientUpdater<?> updater, Optimizer optimizer) {}

    Parameters(Map<String, Tensor> initial, List<Group> groups, Schedule schedule) {
        var tensors = new LinkedHashMap<String, Tensor>();
        for (var group : groups) {
            group.tensors().forEach(name -> tensors.put(name, checked(name, initial, tensors)));
        }
        long size = tensors.values().stream().mapToLong(Parameters::room).sum();
        values = Nd4j.create(org.nd4j.linalg.api.buffer.DataType.FLOAT, 1, size);
        gradients = Nd4j.create(org.nd4j.linalg.api.buffer.DataType.FLOAT, 1, size);
        valueViews = views(values, tensors);
        gradientViews = views(gradients, tensors);
        tensors.forEach((name, tensor) -> valueViews.get(name).data().put(tensor.data()));
        long from = 0;
        for (var group : groups) {
            long to = from
                    + group.tensors().stream()
                            .mapToLong(name -> room(tensors.get(name)))
                            .sum();
            sections.add(section(group, schedule, from, to));
            from = to;
        }
    }

    private static Tensor checked(String name, Map<String, Tensor> initial, Map<String, Tensor> known) {
        var tensor = initial.get(name);
        if (tensor == null || tensor.type() != DataType.FLOAT || known.containsKey(name)) {
            throw new BadInput(
                    "tensor '" + name + "' cannot be trained: it must have FLOAT values and belong to only one group");
        }
        return tensor;
    }

    /** Elements reserved for a tensor: ONNX Runtime's Java interface cannot write results to unaligned addresses. */
    private static long room(Tensor tensor) {
        return Math.ceilDiv(tensor.size(), ALIGNED) * (long) ALIGNED;
    }

    private static Map<String, Tensor> views(INDArray flat, Map<String, Tensor> tensors) {
        ByteBuffer memory = flat.data().asNio();
        var views = new LinkedHashMap<String, Tensor>();
        int at = 0;
        for (var entry : tensors.entrySet()) {
            int bytes = Math.toIntExact(entry.getValue().size() * 4L);
            views.put(
                    entry.getKey(), new Tensor(DataType.FLOAT, entry.getValue().shape(), memory.slice(at, bytes)));
            at += Math.toIntExact(room(entry.getValue()) * Float.BYTES);
        }
        return views;
    }

    private Section section(Group group, Schedule schedule, long from, long to) {
        var range = NDArrayIndex.interval(from, to);
        var config = group.optimizer().updater(schedule);
        long state = config.stateSize(to - from);
        var memory = Nd4j.create(org.nd4j.linalg.api.buffer.DataType.FLOAT, 1, Math.max(1, state));
        return new Section(
                values.get(NDArrayIndex.all(), range),
                gradients.get(NDArrayIndex.all(), range),
                memory,
                config.instantiate(state == 0 ? null : memory, true),
                group.optimizer());
    }

    /** Trained tensors by name, as views that every step changes. */
    Map<String, Tensor> values() {
        return valueViews;
    }

    /** Gradients by the name of their tensor, as views. */
    Map<String, Tensor> gradients() {
        return gradientViews;
    }

    /** Norm of all gradients together, as a dot product, because ND4J's norm is slower and less exact. */
    double gradientNorm() {
        return Math.sqrt(Nd4j.getBlasWrapper().dot(gradients, gradients));
    }

    /** Scales all gradients together. */
    void scaleGradients(double factor) {
        gradients.muli(factor);
    }

    /** Applies and overwrites the gradients; a rate of 0 is skipped, because ND4J's Adam would replace it by its epsilon. */
    void update(int step, Schedule schedule) {
        for (var section : sections) {
            double rate = section.optimizer().rate() * schedule.factor(step);
            if (rate == 0) {
                continue;
            }
            double decay = section.optimizer().decay() * rate;
            if (decay != 0) {
                section.values().muli(1 - decay);
            }
            section.updater().applyUpdater(section.gradients(), step, 0);
            section.values().subi(section.gradients());
        }
    }

    /** Everything that changes during training, by name, as views. */
    Map<String, Tensor> state() {
        var state = new LinkedHashMap<String, Tensor>();
        state.put("values", flat(values));
        for (int i = 0; i < sections.size(); i++) {
            state.put("optimizer" + i, flat(sections.get(i).state()));
        }
        return state;
    }

    private static Tensor flat(INDArray array) {
        return new Tensor(
                DataType.FLOAT,
                new long[] {array.length()},
                array.data().asNio().slice(0, Math.toIntExact(array.length() * 4)));
    }

    /** Copies of the named tensors in their current state. */
    Map<String, Tensor> copies(Collection<String> names) {
        var copies = new LinkedHashMap<String, Tensor>();
        for (String name : names) {
            var copy = Tensor.zeros(DataType.FLOAT, valueViews.get(name).shape());
            copy.data().put(valueViews.get(name).data());
            copies.put(name, copy);
        }
        return copies;
    }
}
