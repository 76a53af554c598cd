package dev.quantline.quantize.finetune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.gradient.train.Run;
import dev.quantline.onnx.BadInput;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.profile.Profiler;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Recipe.QuantTune;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class FineTuningTest {
    private static final int SAMPLES = 96;

    @TempDir
    private Path folder;

    private interface Use<T> {
        T of(FineTuning tuning, Samples samples) throws IOException;
    }

    private static FineTuneSettings settings(Task task, double lambda, int steps) {
        return new FineTuneSettings(task, false, new QuantTune(lambda, 3, 50, steps, 16, 2e-3, 0, 1, 3));
    }

    /** BERT-like, with one channel of its normalisations twelve times as wide as the others. */
    private static Graph withOutliers() {
        var graph = Networks.transformer(4);
        for (String name : List.copyOf(graph.initializers().keySet())) {
            if (name.endsWith(".gamma")) {
                var gamma = graph.initializers().get(name).toFloats();
                gamma[5] *= 12;
                graph.initializers().put(name, Tensor.vector(gamma));
            }
        }
        return PreparedModel.prepare(graph);
    }

    private static Map<String, Tensor> pairs() {
        var arrays = new LinkedHashMap<>(Data.tokens(SAMPLES, 8, 3));
        var random = new Random(11);
        var scores = new float[SAMPLES / 2];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = 5 * random.nextFloat();
        }
        arrays.put("scores", Tensor.vector(scores));
        return arrays;
    }

    private <T> T tuning(Graph model, Map<String, Tensor> arrays, FineTuneSettings settings, Use<T> use)
            throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), arrays)))) {
            var samples = new Samples(data, model, Map.of());
            try (var tuning =
                    new FineTuning(model, quantized(model, samples), samples, settings, List.of(), Provider.cpu())) {
                return use.of(tuning, samples);
            }
        }
    }

    private Graph tuned(Graph model, Map<String, Tensor> arrays, FineTuneSettings settings) throws IOException {
        return tuning(model, arrays, settings, (tuning, samples) -> {
            assertTrue(tuning.advance(() -> false, Progress.none()));
            return tuning.result();
        });
    }

    /** Average width of the ranges of activations. */
    private double range(Graph model, Map<String, Tensor> arrays) throws IOException {
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("range.npz"), arrays)))) {
            var profile = Profiler.observe(
                    model,
                    new Samples(data, model, Map.of()),
                    0,
                    SAMPLES,
                    16,
                    List.of(),
                    Provider.cpu(),
                    Progress.none());
            return profile.tensors().values().stream()
                    .filter(tensor -> tensor.channelMax().length > 0)
                    .mapToDouble(tensor -> extreme(tensor.channelMax(), 1) + extreme(tensor.channelMin(), -1))
                    .average()
                    .orElseThrow();
        }
    }

    private static double extreme(float[] channels, int sign) {
        return IntStream.range(0, channels.length)
                .mapToDouble(c -> sign * channels[c])
                .max()
                .orElseThrow();
    }

    @Test
    void rangesBecomeNarrowerThanByTheTaskAlone() throws IOException {
        var model = withOutliers();

        var pulled = tuned(model, pairs(), settings(Task.PAIRS, 1, 60));
        var control = tuned(model, pairs(), settings(Task.PAIRS, 0, 60));

        double before = range(model, pairs());
        double alone = range(control, pairs());
        double narrowed = range(pulled, pairs());
        assertTrue(narrowed < 0.8 * before && narrowed < 0.8 * alone, before + " " + alone + " " + narrowed);
    }

    /** Loss of the first step: of the task alone, and with this multiple of the quantized network's loss for outliers. */
    @Test
    void outliersStartAsHeavyAsTheLossOfTheQuantizedNetworkTimesLambda() throws IOException {
        var model = withOutliers();
        var losses = new ArrayList<Double>();
        var ofQuantized = new ArrayList<Double>();
        for (double lambda : new double[] {0, 1, 3}) {
            tuning(model, pairs(), settings(Task.PAIRS, lambda, 1), (tuning, samples) -> {
                tuning.advance(() -> false, Progress.none());
                losses.add(tuning.curve().getLast().loss());
                ofQuantized.add(tuning.taskLoss(quantized(model, samples)));
                return null;
            });
        }

        assertEquals(ofQuantized.getFirst(), losses.get(1) - losses.get(0), 1e-3 * ofQuantized.getFirst());
        assertEquals(3 * ofQuantized.getFirst(), losses.get(2) - losses.get(0), 3e-3 * ofQuantized.getFirst());
    }

    private static Graph quantized(Graph model, Samples samples) {
        return Stages.run(model, samples, CalibrateSettings.plain(ActivationRange.MINMAX, 4, 4, List.of()))
                .quantized();
    }

    @Test
    void withoutLabelsTheControlStaysWhereItWas() throws IOException {
        var model = withOutliers();

        tuning(model, Data.tokens(SAMPLES, 8, 3), settings(Task.DISTILL, 0, 5), (tuning, samples) -> {
            assertTrue(tuning.advance(() -> false, Progress.none()));

            assertEquals(model.initializers(), tuning.result().initializers());
            return null;
        });
    }

    @Test
    void outputsStayNearWhatTheyWereWhileOutliersGo() throws IOException {
        var model = withOutliers();
        var arrays = Data.tokens(SAMPLES, 8, 3);

        tuning(model, arrays, settings(Task.DISTILL, 0.5, 60), (tuning, samples) -> {
            assertTrue(tuning.advance(() -> false, Progress.none()));

            assertTrue(tuning.taskLoss(tuning.result()) < 0.3, tuning.curve().toString());
            assertTrue(range(tuning.result(), arrays) < range(model, arrays));
            return null;
        });
    }

    @Test
    void classesAreLearnedFromLabels() throws IOException {
        var model = PreparedModel.prepare(Networks.conv(2));
        var arrays = Data.labelled(Networks.conv(7), Data.images(SAMPLES, 1));

        tuning(model, arrays, settings(Task.CROSS_ENTROPY, 0.1, 60), (tuning, samples) -> {
            assertTrue(tuning.advance(() -> false, Progress.none()));

            var losses = tuning.curve().stream().map(Run.Point::score).toList();
            assertTrue(losses.getLast() < 0.9 * losses.getFirst(), losses.toString());
            assertEquals(60, tuning.steps());
            assertEquals(
                    List.of(0, 7, 14, 21, 28, 35, 42, 49, 56, 60),
                    tuning.curve().stream().map(Run.Point::step).toList(),
                    "evaluated eight times and at the end");
            return null;
        });
    }

    @Test
    void dataWithoutLabelsIsRefused() {
        var failure = assertThrows(
                BadInput.class, () -> tuned(withOutliers(), Data.tokens(SAMPLES, 8, 3), settings(Task.PAIRS, 1, 1)));

        assertTrue(failure.getMessage().contains("scores"), failure.getMessage());
    }

    @Test
    void anOutputOfAnotherKindIsRefused() {
        var model = withOutliers();

        var arrays = new LinkedHashMap<>(Data.tokens(SAMPLES, 8, 3));
        arrays.put("labels", Tensor.vector(new long[SAMPLES]));

        var failure = assertThrows(BadInput.class, () -> tuned(model, arrays, settings(Task.CROSS_ENTROPY, 1, 1)));

        assertTrue(failure.getMessage().contains("training.loss"), failure.getMessage());
    }

    @Test
    void stoppedAnywhereAndResumedItEndsInTheSameNetwork() throws IOException {
        var model = withOutliers();
        var settings = settings(Task.PAIRS, 0.5, 12);
        var unbroken = tuned(model, pairs(), settings);

        var checkpoint = folder.resolve("checkpoint.npz");
        boolean finished = false;
        int slices = 0;
        while (!finished) {
            boolean first = slices++ == 0;
            finished = tuning(model, pairs(), settings, (tuning, samples) -> {
                if (!first) {
                    tuning.restore(checkpoint);
                }
                var asked = new int[1];
                boolean end = tuning.advance(() -> asked[0]++ >= 5, Progress.none());
                tuning.save(checkpoint);
                if (end) {
                    assertEquals(unbroken.initializers(), tuning.result().initializers());
                }
                return end;
            });
        }

        assertEquals(3, slices);
    }

    @Test
    void whatPaddingGivesCountsAsNothing() throws IOException {
        var model = withOutliers();
        var graph = model.copy();
        var sites = new OutlierActivations(graph, List.of());
        var narrow = Data.tokens(4, 6, 5);
        var wide = new LinkedHashMap<String, Tensor>();
        narrow.forEach((name, tensor) -> wide.put(name, widened(tensor)));

        for (var site : sites.all().stream()
                .filter(site -> site.tensor().endsWith("/counted"))
                .toList()) {
            graph.outputs().add(ValueInfos.of(site.observed(), DataType.FLOAT));
        }

        try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.ALL)) {
            var few = session.run(narrow);
            var many = session.run(wide);
            int compared = 0;
            for (var site : sites.all().stream()
                    .filter(site -> few.containsKey(site.observed()))
                    .toList()) {
                // Twice as many elements, the additional ones all 0.
                assertEquals(
                        few.get(site.observed()).get(1),
                        2 * many.get(site.observed()).get(1),
                        1e-4 * few.get(site.observed()).get(1));
                compared++;
            }
            assertTrue(compared > 4, compared + " sites");
        }
    }

    private static Tensor widened(Tensor rows) {
        var values = rows.toLongs();
        int length = rows.dim(1);
        var twice = new long[2 * values.length];
        for (int i = 0; i < values.length; i++) {
            twice[i / length * 2 * length + i % length] = values[i];
        }
        return Tensor.of(twice, rows.dim(0), 2L * length);
    }

    /** A graph that cannot be built leaves nothing of the teacher in memory, which only its session could free. */
    @Test
    void theTeacherIsClosedWhenTheGraphCannotBeMade() throws IOException {
        var model = withOutliers();
        var settings = settings(Task.DISTILL, 1, 1);
        try (var read = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.tokens(SAMPLES, 8, 3))))) {
            var data = new TaskData(new Samples(read, model, Map.of()), settings, model, Provider.cpu());
            data.training().batch(0);

            assertThrows(
                    BadInput.class, () -> new FineTuning(model, model, data, settings, List.of("["), Provider.cpu()));

            assertThrows(IllegalStateException.class, () -> data.training().batch(0));
        }
    }
}
