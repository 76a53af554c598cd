package dev.quantline.quantize.tune;

import dev.quantline.fixture.Data;
import dev.quantline.fixture.GraphBuilder;
import dev.quantline.fixture.Networks;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.runtime.Dataset;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Samples;
import dev.quantline.quantize.fixture.Recipes;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.settings.Distance;
import dev.quantline.quantize.settings.Recipe.Rates;
import dev.quantline.quantize.settings.Recipe.Training;
import dev.quantline.quantize.tune.BlockTuning.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

/** Pieces that are rounded by themselves: {@code x -> h -> y}, a layer each. */
class RoundedPiecesTest {
    private static final int SAMPLES = 32;
    private static final int HIDDEN = 6;

    @TempDir
    private Path folder;

    private final Graph model = model();

    private static Graph model() {
        var builder = new GraphBuilder(17, 8);
        var x = builder.input("x", DataType.FLOAT, -1, Networks.FEATURES);
        builder.op("p", "MatMul", x, builder.normal("v", .5, Networks.FEATURES, HIDDEN));
        builder.op("h", "Relu", "p");
        builder.op("y", "MatMul", "h", builder.normal("w", .5, HIDDEN, 3));
        return builder.output("y", DataType.FLOAT, -1, 3).graph();
    }

    /** @param first bits of the first layer's weights */
    private static QuantizationPlan plan(int first) {
        return new QuantizationPlan(
                List.of(
                        new QuantizationPlan.Activation("x", Set.of("p/MatMul"), Uniform.asymmetric(4, -2, 2), "fixed"),
                        new QuantizationPlan.Activation("h", Set.of("y/MatMul"), Uniform.asymmetric(4, 0, 2), "fixed")),
                List.of(weight("v", "p/MatMul", first, HIDDEN), weight("w", "y/MatMul", 3, 3)));
    }

    private static QuantizationPlan.Weight weight(String name, String node, int bits, int channels) {
        var widest = new double[channels];
        Arrays.fill(widest, 1.5);
        return new QuantizationPlan.Weight(name, node, 1, Uniform.symmetric(bits, 1, widest));
    }

    /** What rounding a piece by itself changed. */
    private Tuned rounded(int piece, QuantizationPlan plan) throws IOException {
        var still = new Training(1, 4, 0, Distance.MSE, new Rates(0, 0, 0, 0, 0, 0, 0, 0), 0, 5);
        var settings = Recipes.tune("rounding: 'compensated', layers: 'reconstruct', order: 'rounded'", SAMPLES, still);
        try (var data = Dataset.open(List.of(Data.write(folder.resolve("data.npz"), Data.rows(SAMPLES, 2))));
                var run = new TuningRun(
                        new TuningPhase.Rounding(piece),
                        model,
                        plan,
                        new Samples(data, model, Map.of()),
                        settings,
                        4,
                        Provider.cpu(),
                        Files.createTempDirectory(folder, "run"))) {
            run.advance(() -> false, Progress.none());
            var left = Files.createTempDirectory(folder, "left");
            run.savePiece(left);
            return Tuned.read(left);
        }
    }

    @Test
    void aPieceIsRoundedWhateverBecomesOfThoseBeforeIt() throws IOException {
        var behindFine = rounded(1, plan(8)).applyTo(new State(model, plan(8))).model();
        var behindCoarse =
                rounded(1, plan(2)).applyTo(new State(model, plan(2))).model();

        assertEquals(
                behindFine.initializers().get("w"), behindCoarse.initializers().get("w"));
        assertNotEquals(model.initializers().get("w"), behindFine.initializers().get("w"));
        assertEquals(model.initializers().get("v"), behindFine.initializers().get("v"));
    }

    @Test
    void whatPiecesBecameIsAdoptedTogether() throws IOException {
        var start = new State(model, plan(3));
        var first = rounded(0, plan(3)).applyTo(start);
        var both = rounded(1, plan(3)).applyTo(first);

        assertEquals(
                first.model().initializers().get("v"),
                both.model().initializers().get("v"));
        assertNotEquals(
                model.initializers().get("v"), both.model().initializers().get("v"));
        assertNotEquals(
                model.initializers().get("w"), both.model().initializers().get("w"));
        assertNotEquals(start.plan(), both.plan());
    }
}
