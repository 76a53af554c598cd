package dev.quantline.onnx.pattern;

import dev.quantline.fixture.GraphBuilder;
import dev.quantline.onnx.DataType;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

class BiasTest {
    private final GraphBuilder builder = new GraphBuilder(17, 1);

    @BeforeEach
    void addConstants() {
        builder.input("x", DataType.FLOAT, -1, 4);
        builder.normal("w", 1, 4, 4);
        builder.normal("b", 1, 4);
        builder.normal("table", 1, 3, 4);
    }

    private Optional<Bias> bias(String output) {
        var index = builder.graph().index();
        return Bias.of(index, index.producer(output).orElseThrow());
    }

    @Test
    void aLayerReadsItsBiasThird() {
        builder.op("gemm", "Gemm", "x", "w", "b");
        builder.op("without", "Gemm", "x", "w");
        builder.op("computed", "Gemm", "x", "w", "x");
        builder.op("norm", "LayerNormalization", "x", "w", "b");

        var found = bias("gemm").orElseThrow();
        assertEquals(List.of("gemm/Gemm", 2, "b"), List.of(found.holder().name(), found.input(), found.tensor()));
        assertEquals(4, found.value().dim(0));
        assertTrue(bias("without").isEmpty());
        assertTrue(bias("computed").isEmpty());
        assertTrue(bias("norm").isEmpty());
    }

    @Test
    void anAddBehindAMatMulHoldsItsBiasOnEitherSide() {
        for (boolean first : new boolean[] {true, false}) {
            String product = builder.op("product" + first, "MatMul", "x", "w");
            builder.op("sum" + first, "Add", first ? "b" : product, first ? product : "b");

            var found = bias(product).orElseThrow();
            assertEquals("sum" + first, found.holder().output());
            assertEquals(first ? 0 : 1, found.input());
            assertEquals("b", found.tensor());
        }
    }

    @Test
    void whatIsAddedForAllOrToOthersTooIsNoBias() {
        builder.op("table sum", "Add", builder.op("to table", "MatMul", "x", "w"), "table");
        builder.op("one", "Add", builder.op("read twice", "MatMul", "x", "w"), "b");
        builder.op("other", "Relu", "read twice");
        builder.op("twice", "Add", builder.op("itself", "MatMul", "x", "w"), "itself");
        builder.op("scaled", "Mul", builder.op("no add", "MatMul", "x", "w"), "b");

        for (String product : List.of("to table", "read twice", "itself", "no add")) {
            assertTrue(bias(product).isEmpty(), product);
        }
    }
}
