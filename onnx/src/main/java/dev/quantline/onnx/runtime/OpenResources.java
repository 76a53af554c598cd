package dev.quantline.onnx.runtime;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** The resources of one object, closed together, last opened first, also if opening the rest of them fails. */
public final class OpenResources implements AutoCloseable {
    private final Deque<Runnable> closing = new ArrayDeque<>();

    /** Adds an opened resource, and returns it. */
    public <T> T add(T resource, Consumer<T> close) {
        closing.push(() -> close.accept(resource));
        return resource;
    }

    /** Closes everything; a failure does not keep the others open. */
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
