package dev.quantline.onnx.runtime;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** What one object holds open: it is closed together, the last opened first, also when opening the rest of it fails. */
public final class OpenResources implements AutoCloseable {
    private final Deque<Runnable> closing = new ArrayDeque<>();

    /** Holds what was just opened, and gives it back. */
    public <T> T add(T resource, Consumer<T> close) {
        closing.push(() -> close.accept(resource));
        return resource;
    }

    /** Closes everything; what fails does not keep the others open. */
    @Override
    public void close() {
        if (!closing.isEmpty()) {
            try {
                closing.pop().run();
            } finally {
                close();
            }
        }
    }
}
