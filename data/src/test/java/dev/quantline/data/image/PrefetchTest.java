package dev.quantline.data.image;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class PrefetchTest {
    @Test
    void resultsComeInTheOrderOfTheirInputs() throws IOException {
        // Given work whose first piece waits until the second is done, on another thread
        var second = new CountDownLatch(1);
        try (var ahead = new Prefetch<>(IntStream.range(0, 9).boxed().toList(), 2, i -> {
            if (i == 1) {
                second.countDown();
            } else if (i == 0) {
                awaited(second);
            }
            return i * i;
        })) {
            for (int i = 0; i < 9; i++) {
                assertEquals(i * i, ahead.next());
            }
        }
    }

    @Test
    void noMoreIsBegunThanTwoInputsAThread() throws IOException {
        var begun = new AtomicInteger();
        try (var ahead = new Prefetch<>(IntStream.range(0, 100).boxed().toList(), 3, _ -> begun.incrementAndGet())) {
            for (int taken = 1; taken <= 5; taken++) {
                ahead.next();
            }
        }
        // Then what was not taken was not begun, but for 2 pieces a thread
        assertTrue(begun.get() <= 5 + 2 * 3, begun::toString);
    }

    @Test
    void aFailureComesInItsTurnAndTheRestAfterIt() throws IOException {
        try (var ahead = new Prefetch<>(IntStream.range(0, 4).boxed().toList(), 2, i -> {
            if (i == 1) {
                throw new IOException("input " + i);
            }
            return i;
        })) {
            assertEquals(0, ahead.next());
            assertEquals("input 1", assertThrows(IOException.class, ahead::next).getMessage());
            assertEquals(2, ahead.next());
            assertEquals(3, ahead.next());
        }
    }

    private static void awaited(CountDownLatch latch) {
        try {
            assertTrue(latch.await(1, TimeUnit.MINUTES));
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
