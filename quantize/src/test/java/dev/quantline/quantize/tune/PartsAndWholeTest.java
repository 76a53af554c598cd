package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.rewrite.PreparedModel;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.calibrate.CalibrateSettings;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.fixture.Stages;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.ActivationRange;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.settings.TuningMethod;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A part is trained for the network: it can include the end of its stage, and all parts together are judged. */
class PartsAndWholeTest {
    private static final int SAMPLES = 96;
    private static final int BATCH = 16;

    @TempDir
    private Path folder;

    private static TuneSettings settings(TuningMethod method, boolean sequential, Training training) {
        return Recipes.tune(
                "layers: '" + method.word() + "', order: '" + (sequential ? "sequential" : "parallel") + "'",
                SAMPLES,
                training);
    }

    private static Training training(int steps, double rate, double ahead) {
        return new Training(
                steps, BATCH, 0, Distance.MSE, new Rates(rate, rate, rate, rate, rate, rate, 0, 0), ahead, 5);
    }

    @Test
    void theEndOfTheStageWeighsAsMuchAsAsked() throws IOException {
        var model = PreparedModel.prepare(Networks.transformer(2));
        var began = new ArrayList<List<Double>>();
        var tokens = Data.tokens(SAMPLES, 10, 9);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), tokens)))) {
            var samples = new Samples(data, model, Map.of());
            var stages = Stages.run(model, samples, CalibrateSettings.plain(ActivationRange.MSE, 4, 4, List.of()));
            for (double ahead : new double[] {0, 1, 2}) {
                var still = settings(TuningMethod.RECONSTRUCT, true, training(1, 0, ahead));
                var result = Tuner.tune(
                        stages.model(), stages.plan(), samples, still, BATCH, Provider.cpu(), Progress.none());
                began.add(result.steps().stream()
                        .filter(step -> !step.curve().isEmpty())
                        .map(Tuner.Step::errorBefore)
                        .toList());
            }

            int looking = 0;
            for (int i = 0; i < began.getFirst().size(); i++) {
                double far = began.get(1).get(i) - began.get(0).get(i);
                assertEquals(
                        2 * far,
                        began.get(2).get(i) - began.get(0).get(i),
                        1e-4 * began.get(2).get(i),
                        "part " + i);
                looking += far > 1e-3 * began.get(0).get(i) ? 1 : 0;
            }
            var parts = Blocks.of(stages.model(), stages.plan(), end -> true);
            assertEquals(1, looking);
            assertEquals(
                    IntStream.range(0, parts.size())
                            .filter(i ->
                                    AcrossBlock.behind(parts, i, stages.model()).isPresent())
                            .count(),
                    looking);
        }
    }

    /** {@code y = 1.25 x, z = 1.6 y}, rounded to 1 and to 2: each is off by a quarter, but both together are exact. */
    @Test
    void partsThatEachGainAndDisagreeAreNotKept() throws IOException {
        // Given
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, 1),
                builder.constant("first", Tensor.of(new float[] {1.25f}, 1, 1)));
        builder.op("z", "MatMul", "y", builder.constant("second", Tensor.of(new float[] {1.6f}, 1, 1)));
        var model = builder.output("z", DataType.FLOAT, -1, 1).graph();
        var plan = new QuantizationPlan(
                List.of(),
                List.of(
                        new QuantizationPlan.Weight("first", "y/MatMul", 1, Uniform.symmetric(2, 1, new double[] {1})),
                        new QuantizationPlan.Weight(
                                "second", "z/MatMul", 1, Uniform.symmetric(2, 1, new double[] {2}))));
        var rows =
                Map.of("x", Data.rows(SAMPLES / Networks.FEATURES, 3).get("x").reshape(SAMPLES, 1));
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), rows)))) {
            // When: each is trained by itself
            var parallel = settings(TuningMethod.ADAQUANT, false, training(40, 0.01, 0));
            var result = Tuner.tune(
                    model, plan, new Samples(data, model, Map.of()), parallel, BATCH, Provider.cpu(), Progress.none());

            // Then
            var parts = result.steps().subList(0, result.steps().size() - 1);
            assertEquals(2, parts.size());
            parts.forEach(
                    part -> assertTrue(part.kept() && part.errorAfter() < 0.9 * part.errorBefore(), part.toString()));
            var whole = result.steps().getLast();
            assertEquals(0, whole.errorBefore(), 1e-10);
            assertFalse(whole.kept(), whole.toString());
            assertEquals(plan, result.plan());
            assertEquals(model.initializers(), result.model().initializers());
        }
    }
}
