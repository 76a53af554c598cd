package dev.quantline.quantize.plan;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import dev.quantline.onnx.Graph;
import dev.quantline.onnx.Tensor;
import dev.quantline.onnx.runtime.Processor;
import dev.quantline.onnx.runtime.Provider;
import dev.quantline.onnx.runtime.Session;
import dev.quantline.quantize.quantizer.Uniform;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

/** Two products of 255 and 127 overflow the 16 bits in which kernels without VNNI add them; floats hold them. */
class ExactProductsTest {
    private static final int INPUTS = 64;
    private static final int OUTPUTS = 16;

    /** On a grid of step 1, x is its own code, and so are the weights, all 127. */
    private static Graph largestCodes() {
        var builder = new GraphBuilder(17, 1);
        builder.input("x", DataType.FLOAT, -1, INPUTS);
        builder.op(
                "y", "MatMul", "x", builder.constant("w", Tensor.of(filled(INPUTS * OUTPUTS, 127), INPUTS, OUTPUTS)));
        var graph = builder.output("y", DataType.FLOAT, -1, OUTPUTS).graph();
        var largest = new double[OUTPUTS];
        Arrays.fill(largest, 127);
        String product = graph.nodes().getFirst().name();
        return new QuantizationPlan(
                        List.of(new QuantizationPlan.Activation(
                                "x", Set.of(product), Uniform.asymmetric(8, 0, 255), "minmax")),
                        List.of(new QuantizationPlan.Weight("w", product, 1, Uniform.symmetric(8, 1, largest))))
                .applyTo(graph);
    }

    private static float[] filled(int count, float value) {
        var values = new float[count];
        Arrays.fill(values, value);
        return values;
    }

    private static float[] sums(Session.Optimization optimization) {
        try (var session = Session.open(largestCodes(), Provider.cpu(), optimization)) {
            return session.run(Map.of("x", Tensor.of(filled(2 * INPUTS, 255), 2, INPUTS)))
                    .get("y")
                    .toFloats();
        }
    }

    @Test
    void exactProductsDoNotSaturateOnAnyProcessor() {
        assertArrayEquals(filled(2 * OUTPUTS, INPUTS * 255 * 127), sums(Session.Optimization.EXACT), 1f);
    }

    @Test
    void whatUsersRunSaturatesWhereTheProcessorSaysSo() {
        float exact = INPUTS * 255 * 127;

        assertEquals(Processor.saturates(), sums(Session.Optimization.ALL)[0] < 0.9 * exact);
    }
}
