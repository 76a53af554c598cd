package dev.quantline.quantize.tune;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.HashMap;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Wherever training drives the factors of scales, the stored quantizer is valid. */
class TrainedScalesTest {
    private static final Trainables ALL = new Trainables(Trainables.Weights.SHIFTED, true, true, true, true);
    private static final Uniform GRID = Uniform.asymmetric(4, -1, 2);
    private static final Uniform WEIGHTS = Uniform.symmetric(4, 1, new double[] {0, 1, 2});

    private static Graph model() {
        var builder = new GraphBuilder(17, 1);
        builder.op(
                "y",
                "MatMul",
                builder.input("x", DataType.FLOAT, -1, 2),
                builder.constant("w", Tensor.of(new float[] {0, 1, 2, 0, .5f, -1}, 2, 3)));
        return builder.output("y", DataType.FLOAT, -1, 3).graph();
    }

    private static QuantizationPlan plan() {
        return new QuantizationPlan(
                List.of(new QuantizationPlan.Activation("x", Set.of("y/MatMul"), GRID, "fixed")),
                List.of(new QuantizationPlan.Weight("w", "y/MatMul", 1, WEIGHTS)));
    }

    private static QuantizationPlan folded(float factor) {
        var fakeQuant = new FakeQuantGraph(Blocks.whole(model()), model(), plan(), ALL, new RoundingRegularizer(0, 1));
        var values = new HashMap<String, Tensor>();
        fakeQuant.parameters().forEach((name, kind) -> {
            var start = fakeQuant.graph().initializers().get(name).toFloats();
            for (int i = 0; i < start.length; i++) {
                start[i] *= factor;
            }
            values.put(
                    name,
                    Tensor.of(start, fakeQuant.graph().initializers().get(name).shape()));
        });
        return fakeQuant.fold(values).applyTo(plan(), new SharedQuantizers(model(), plan()));
    }

    @ParameterizedTest
    @ValueSource(floats = {-3, 0, 1e-20f, 1e-3f, 2})
    void scalesStayAboveZero(float factor) {
        var folded = folded(factor);

        for (float scale : folded.weights().getFirst().quantizer().scale()) {
            assertTrue(scale > 0, "weight scale " + scale);
        }
        var grid = (Uniform) folded.activations().getFirst().quantizer();
        assertTrue(grid.scale()[0] > 0, "activation scale " + grid.scale()[0]);
    }

    @Test
    void factorsAboveThatAreTakenAsTheyAre() {
        var folded = folded(.5f);

        var scale = WEIGHTS.scale().clone();
        for (int c = 0; c < scale.length; c++) {
            scale[c] *= .5f * .5f;
        }
        assertArrayEquals(scale, folded.weights().getFirst().quantizer().scale(), 1e-7f);
        assertArrayEquals(
                new float[] {GRID.scale()[0] / 2},
                ((Uniform) folded.activations().getFirst().quantizer()).scale(),
                1e-7f);
    }

    @Test
    void whatTrainsComputesWithTheScaleThatIsStored() {
        var fakeQuant = new FakeQuantGraph(Blocks.whole(model()), model(), plan(), ALL, new RoundingRegularizer(0, 1));

        assertTrue(fakeQuant.graph().nodes().stream()
                .anyMatch(node -> node.is("Clip") && node.input(0).equals("x/factor")));
    }
}
