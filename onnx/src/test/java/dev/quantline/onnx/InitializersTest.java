package dev.quantline.onnx;

import dev.quantline.fixture.Networks;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

class InitializersTest {
    /** 96 KiB. */
    private static final int SIZE = 24 << 10;

    @BeforeEach
    void twoAndAHalfTensorsFit() {
        System.setProperty(MemoryLimit.WEIGHTS_IN_MEMORY.property(), String.valueOf(10 * SIZE));
    }

    @AfterEach
    void reset() {
        System.clearProperty(MemoryLimit.WEIGHTS_IN_MEMORY.property());
    }

    private static Tensor filled(float value) {
        var tensor = Tensor.zeros(DataType.FLOAT, 2, SIZE / 2);
        for (var floats = tensor.floats(); floats.hasRemaining(); ) {
            floats.put(value);
        }
        return tensor;
    }

    private static boolean isInMemory(Tensor tensor) {
        return !MemorySegment.ofBuffer(tensor.data()).isMapped();
    }

    @Test
    void whatDoesNotFitIsKeptInAFileUnchanged() {
        var graph = Graph.empty(17);

        for (int i = 0; i < 4; i++) {
            graph.addConstant("w" + i, filled(i));
        }
        graph.addConstant("small", Tensor.vector(1f, 2f));

        var constants = graph.initializers();
        assertEquals(List.of("w0", "w1", "w2", "w3", "small"), new ArrayList<>(constants.keySet()));
        for (int i = 0; i < 4; i++) {
            assertEquals(filled(i), constants.get("w" + i));
            assertEquals(i < 2, isInMemory(constants.get("w" + i)), "w" + i);
        }
        assertTrue(isInMemory(constants.get("small")));
    }

    @Test
    void replacingOneMakesRoomForTheNext() {
        var constants = new Initializers(Map.of("a", filled(1)));
        constants.put("b", filled(2));

        assertEquals(filled(2), constants.put("b", filled(3)));
        assertNull(constants.put("c", filled(4)));

        // The new tensor was written before the old one was gone; the two that lie in memory now are a and c.
        assertFalse(isInMemory(constants.get("b")));
        assertTrue(isInMemory(constants.get("c")));
    }

    @Test
    void everyWayInIsCounted() {
        var constants = new Initializers(Map.of());

        constants.putAll(Map.of("a", filled(1), "b", filled(2), "c", filled(3)));
        constants.putIfAbsent("d", filled(4));
        constants.replaceAll((name, tensor) -> filled(5));

        assertTrue(
                constants.values().stream().filter(InitializersTest::isInMemory).count() <= 2);
        constants.values().forEach(tensor -> assertEquals(filled(5), tensor));
    }

    @Test
    void copiesShareTheirTensors() {
        var graph = Networks.mlp(1);
        graph.addConstant("w", filled(1));

        var copy = graph.copy();

        graph.initializers()
                .forEach((name, tensor) -> assertTrue(copy.initializers().get(name) == tensor, name));
        copy.initializers().remove("w");
        assertTrue(graph.initializers().containsKey("w"));
    }
}
