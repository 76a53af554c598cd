package dev.quantline.quantize.tune;

import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.ValueInfos;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.plan.QuantizationPlan;
import dev.quantline.quantize.quantizer.Uniform;
import dev.quantline.quantize.tune.Trainables.Kind;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

/** During training a grid computes the same as the quantizer that is stored. Steps are powers of two, so nothing is lost. */
class TrainedActivationQuantizerTest {
    private static final long SEED = 3;
    private static final float STEP = 0.125f;

    /** Narrow and full codes, both signs, and shifts that lead past either end of the codes. */
    static Stream<Arguments> grids() {
        return Stream.of(
                        grid(4, false, 7),
                        grid(4, true, -3),
                        grid(8, false, 100),
                        grid(8, false, 200),
                        grid(8, true, 20))
                .flatMap(
                        grid -> Stream.of(-300f, -2.4f, -0.4f, 0f, 1.6f, 300f).map(shift -> Arguments.of(grid, shift)));
    }

    private static Uniform grid(int bits, boolean signed, int zeroPoint) {
        return new Uniform(bits, signed, Uniform.PER_TENSOR, new float[] {STEP}, new int[] {zeroPoint});
    }

    private static float[] values() {
        var random = new Random(SEED);
        var values = new float[500];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() * (i % 2 == 0 ? 1 : 20);
        }
        return values;
    }

    @ParameterizedTest
    @MethodSource("grids")
    void whatIsStoredComputesWhatWasTrained(Uniform grid, float shift) {
        for (float factor : new float[] {0.5f, 1}) {
            // Given
            var graph = Graph.empty(17);
            graph.inputs().add(ValueInfos.of("x", DataType.FLOAT, -1));
            graph.outputs().add(ValueInfos.of("y", DataType.FLOAT, -1));
            var trained = new TrainedActivationQuantizer("x", grid, true);
            trained.add("x", "y");
            trained.write(graph);
            graph.sort();
            var values = new HashMap<String, Tensor>();
            trained.parameters()
                    .forEach((name, kind) -> values.put(name, Tensor.scalar(kind == Kind.ZERO_POINT ? shift : factor)));
            graph.initializers().putAll(values);

            // When
            var tuned = new Tuned();
            trained.fold(values, tuned);
            float[] computed;
            try (var session = Session.open(graph, Provider.cpu(), Session.Optimization.EXACT)) {
                computed = session.run(Map.of("x", Tensor.vector(values())))
                        .get("y")
                        .toFloats();
            }

            // Then
            var stored = stored(tuned, grid);
            assertArrayEquals(stored.fakeQuantize(Tensor.vector(values())).toFloats(), computed, "seed " + SEED);
            assertEquals(factor * STEP, stored.scale()[0]);
            // It moves by at most the range of INT8.
            int wanted = grid.zeroPoint()[0] + Math.clamp(Math.round(shift), Byte.MIN_VALUE, Byte.MAX_VALUE);
            assertEquals(Math.clamp(wanted, grid.qmin(), grid.qmax()), stored.zeroPoint()[0]);
        }
    }

    private static Uniform stored(Tuned tuned, Uniform grid) {
        var plan =
                new QuantizationPlan(List.of(new QuantizationPlan.Activation("x", Set.of(), grid, "fixed")), List.of());
        return (Uniform) tuned.applyTo(plan, new SharedQuantizers(Graph.empty(17), plan))
                .activations()
                .getFirst()
                .quantizer();
    }
}
