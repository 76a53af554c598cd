package dev.quantline.pipeline.store;

import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class SettledTest {
    private final Settled settled = new Settled();

    @Test
    void anObjectIsReadOnceAndOnlyWhenItCouldBeRead() {
        assertThrows(
                IllegalStateException.class,
                () -> settled.read("key", () -> {
                    throw new IllegalStateException("half of it");
                }));
        assertEquals(Optional.empty(), settled.read("key", Optional::empty));
        assertEquals(Optional.of("whole"), settled.read("key", () -> Optional.of("whole")));
        assertEquals(Optional.of("whole"), settled.read("key", () -> Optional.of("another")));
    }

    @Test
    void thoseNotUsedForLongAreForgotten() {
        IntStream.range(0, 257).forEach(i -> {
            settled.read("used", () -> Optional.of("first"));
            settled.read("key " + i, () -> Optional.of("first"));
        });

        assertEquals(Optional.of("first"), settled.read("used", () -> Optional.of("again")));
        assertEquals(Optional.of("again"), settled.read("key 0", () -> Optional.of("again")));
    }
}
