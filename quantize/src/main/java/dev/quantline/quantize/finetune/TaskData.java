package dev.quantline.quantize.finetune;

import dev.quantline.gradient.train.Batches;
import dev.quantline.gradient.train.Minibatches;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Training data in the form that the loss takes. The last tenth, at most 256 samples, is held out; with fewer than two
 * batches, the same samples serve both purposes.
 */
final class TaskData implements AutoCloseable {
    private static final int HELD = 256;
    private static final int SHARE = 10;

    private final Samples samples;
    private final Task task;
    private final Session teacher;
    private final String taught;
    private final float scoreUnit;
    private final int batch;
    private final Minibatches shuffled;
    private final List<Map<String, Tensor>> held = new ArrayList<>();

    /**
     * @param model the original network, whose outputs are the targets of {@link Task#DISTILL}
     * @throws BadInput if the data lacks what the task needs
     */
    TaskData(Samples samples, FineTuneSettings settings, Graph model, Provider provider) throws IOException {
        this.samples = samples;
        task = settings.task();
        int unit = task.unit();
        int most =
                Math.max(unit, Math.min(samples.batchSize(settings.quanttune().batch()), samples.size()) / unit * unit);
        batch = samples.batchSize(most);
        int judging = samples.size() < 2 * batch
                ? 0
                : Math.max(batch, Math.min(HELD, samples.size() / SHARE) / batch * batch);
        int trained = samples.size() - judging;
        shuffled = new Minibatches(
                samples,
                trained - trained % unit,
                batch,
                unit,
                task.targets(),
                settings.quanttune().seed());
        scoreUnit = task == Task.PAIRS ? scoreUnit(samples.dataset().target("scores")) : 1;
        if (task == Task.DISTILL) {
            var shown = model.copy();
            taught = TaskLoss.counted(shown, settings);
            shown.outputs().clear();
            shown.outputs().add(ValueInfos.of(taught, DataType.FLOAT));
            teacher = Session.open(shown, provider, Session.Optimization.EXACT);
        } else {
            taught = "";
            teacher = null;
        }
        try {
            hold(judging == 0 ? 0 : samples.size() - judging, judging == 0 ? batch : judging);
        } catch (RuntimeException | IOException e) {
            close();
            throw e;
        }
    }

    /** The divisor that turns scores, for example from 0 to 5, into cosines of at most 1. */
    private static float scoreUnit(float[] scores) {
        float largest = 1;
        for (float score : scores) {
            largest = Math.max(largest, Math.abs(score));
        }
        return largest;
    }

    private void hold(int from, int count) throws IOException {
        int unit = task.unit();
        int first = from - from % unit;
        var targets = new LinkedHashMap<String, float[]>();
        for (String target : task.targets()) {
            targets.put(target, samples.dataset().target(target));
        }
        samples.forEachBatch(first, first + count, batch, fed -> {
            if (fed.size() == batch) {
                var arrays = new LinkedHashMap<>(fed.arrays());
                targets.forEach(
                        (name, values) -> arrays.put(name, slice(name, values, fed.first() / unit, fed.size() / unit)));
                held.add(complete(arrays));
            }
        });
    }

    private static Tensor slice(String name, float[] values, int from, int count) {
        if (!name.equals("labels")) {
            return Tensor.vector(Arrays.copyOfRange(values, from, from + count));
        }
        var labels = new long[count];
        Arrays.setAll(labels, i -> (long) values[from + i]);
        return Tensor.vector(labels);
    }

    /** Trims padding, turns scores into cosines, and adds the teacher's outputs. */
    private Map<String, Tensor> complete(Map<String, Tensor> batch) {
        var inputs = new LinkedHashMap<>(batch);
        inputs.keySet().removeAll(task.targets());
        var all = new LinkedHashMap<>(samples.trimmed(inputs));
        task.targets()
                .forEach(target ->
                        all.put(target, target.equals("scores") ? cosines(batch.get(target)) : batch.get(target)));
        if (teacher != null) {
            all.put(TaskLoss.TEACHER, teacher.run(all, List.of(taught)).get(taught));
        }
        return all;
    }

    private Tensor cosines(Tensor scores) {
        var cosines = scores.toFloats();
        for (int i = 0; i < cosines.length; i++) {
            cosines[i] /= scoreUnit;
        }
        return Tensor.vector(cosines);
    }

    /** Samples per batch. */
    int batch() {
        return batch;
    }

    /** Steps per epoch. */
    int perEpoch() {
        return shuffled.perEpoch();
    }

    Batches training() {
        return number -> complete(shuffled.batch(number));
    }

    /** Held-out batches; {@link #heldOut} says how many. */
    Batches judging() {
        return held::get;
    }

    int heldOut() {
        return held.size();
    }

    /** Mean square of the teacher's outputs on the held-out samples; 1 without a teacher. */
    double power() {
        double sum = 0;
        long count = 0;
        for (var batch : held) {
            var said = batch.get(TaskLoss.TEACHER);
            for (float value : said == null ? new float[0] : said.toFloats()) {
                sum += (double) value * value;
                count++;
            }
        }
        return count == 0 ? 1 : Math.max(Float.MIN_NORMAL, sum / count);
    }

    /** Sizes of the inputs; the length of sentences stays open. */
    Map<String, long[]> sizes() {
        var sizes = new LinkedHashMap<String, long[]>();
        boolean alike = held.stream()
                .allMatch(batch -> batch.values().stream()
                                .filter(tensor -> tensor.rank() == 2)
                                .mapToLong(tensor -> tensor.dim(1))
                                .distinct()
                                .count()
                        == 1);
        held.getFirst()
                .forEach((name, tensor) -> sizes.put(
                        name,
                        samples.openLength()
                                        && tensor.rank() == 2
                                        && !samples.axis(name).isNone()
                                ? new long[] {tensor.dim(0), alike ? -2 : -1}
                                : tensor.shape()));
        return sizes;
    }

    @Override
    public void close() {
        if (teacher != null) {
            teacher.close();
        }
    }
}
