package dev.quantline.onnx;

import java.util.List;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

class OperatorsTest {
    @Test
    void anOperatorOfAnotherDomainIsAnotherOperator() {
        var node = Node.of("Split", List.of("x"), "y");

        assertTrue(Operators.MOVING.has(node));
        assertFalse(Operators.COPYING.has(node));
        assertFalse(Operators.MOVING.has(node.withDomain("com.microsoft")));
        assertTrue(Operators.isAny(node, Operators.COPYING, Operators.MOVING));
        assertFalse(Operators.isAny(node, Operators.COPYING, Operators.ARITHMETIC));
    }

    @Test
    void theOutputAxisIsWhereAnOutputChannelHasItsWeights() {
        var gemm = Node.of("Gemm", List.of("x", "w"), "y");

        assertEquals(1, Operators.outputAxis(gemm));
        assertEquals(0, Operators.outputAxis(gemm.with("transB", 1L)));
        assertEquals(1, Operators.outputAxis(Node.of("MatMul", List.of("x", "w"), "y")));
        assertEquals(0, Operators.outputAxis(Node.of("Conv", List.of("x", "w"), "y")));
    }
}
