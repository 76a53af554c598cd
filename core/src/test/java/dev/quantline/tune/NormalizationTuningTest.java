package dev.quantline.tune;

import dev.quantline.calibrate.CalibrateSettings;
import dev.quantline.calibrate.RangeCriterion;
import dev.quantline.fixture.Data;
import dev.quantline.fixture.Networks;
import dev.quantline.fixture.Stages;
import dev.quantline.onnx.Tensor;
import dev.quantline.profile.Profiler;
import dev.quantline.runtime.Dataset;
import dev.quantline.runtime.Progress;
import dev.quantline.runtime.Provider;
import dev.quantline.runtime.Samples;
import dev.quantline.tune.BlockTuning.Split;
import dev.quantline.tune.BlockTuning.State;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class NormalizationTuningTest {
    private static final int SAMPLES = 64;
    private static final Split SPLIT = Split.of(SAMPLES);

    @TempDir
    private Path folder;

    private interface Task {
        void on(State start, State tuned, Judge judge);
    }

    private void tuned(int bits, Task task) throws IOException {
        var model = Profiler.prepare(Networks.conv(5));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.images(SAMPLES, 6))))) {
            var samples = new Samples(data, model, Map.of());
            var stages = Stages.run(model, samples, CalibrateSettings.plain(new RangeCriterion.Mse(), bits, 8, List.of()));
            var start = new State(stages.model(), stages.plan());
            var tuned = NormalizationTuning.apply(start, stages.model(), samples, SPLIT, 16, Provider.cpu(), Progress.none());
            task.on(start, tuned, new Judge(stages.model(), samples, SPLIT, false, 16, Provider.cpu()));
        }
    }

    @Test
    void codesStayAndTheOutputComesCloser() throws IOException {
        tuned(2, (start, tuned, judge) -> {
            for (var weight : tuned.plan().weights()) {
                var before = start.plan().weightOf(weight.node()).orElseThrow();
                assertEquals(before.quantizer().quantize(start.model().initializers().get(weight.tensor())),
                    weight.quantizer().quantize(tuned.model().initializers().get(weight.tensor())), weight.tensor());
            }
            double before = judge.error(start, Progress.none());
            double after = judge.error(tuned, Progress.none());
            assertTrue(after < before, before + " -> " + after);
        });
    }

    @Test
    void whatIsRightAlreadyStays() throws IOException {
        tuned(8, (start, tuned, judge) -> {
            for (var weight : tuned.plan().weights()) {
                var before = start.plan().weightOf(weight.node()).orElseThrow().quantizer().scale();
                for (int c = 0; c < before.length; c++) {
                    assertEquals(1, weight.quantizer().scale()[c] / before[c], 0.03, weight.tensor());
                }
            }
            assertClose(start.model().initializers(), tuned.model().initializers());
        });
    }

    private static void assertClose(Map<String, Tensor> expected, Map<String, Tensor> actual) {
        expected.forEach((name, tensor) -> {
            for (int i = 0; i < tensor.size() && tensor.type().isFloating(); i++) {
                assertEquals(tensor.get(i), actual.get(name).get(i), 0.1, name);
            }
        });
    }
}
