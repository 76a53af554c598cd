package dev.quantline.data.image;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Work on several threads whose results come in the order of the inputs. It runs at most two inputs per thread ahead of the consumer,
 * so that memory does not grow with the number of inputs.
 */
final class Prefetch<I, O> implements AutoCloseable {
    private static final int EACH = 2;

    private final Iterator<I> inputs;
    private final Work<I, O> work;
    private final ExecutorService threads;
    private final ArrayDeque<Future<O>> begun = new ArrayDeque<>();

    /** What is done to an input; any thread may do it. */
    interface Work<I, O> {
        O of(I input) throws IOException;
    }

    Prefetch(Iterable<I> inputs, int threads, Work<I, O> work) {
        this.inputs = inputs.iterator();
        this.work = work;
        this.threads = Executors.newFixedThreadPool(threads);
        for (int i = 0; i < EACH * threads; i++) {
            begin();
        }
    }

    private void begin() {
        if (inputs.hasNext()) {
            var input = inputs.next();
            begun.add(threads.submit(() -> work.of(input)));
        }
    }

    /** The next result, or what its work threw; later inputs go on all the same. */
    O next() throws IOException {
        var first = begun.remove();
        begin();
        try {
            return first.get();
        } catch (ExecutionException failed) {
            switch (failed.getCause()) {
                case IOException world -> throw world;
                case RuntimeException expected -> throw expected;
                case Error bug -> throw bug;
                default -> throw new IllegalStateException(failed.getCause());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", interrupted);
        }
    }

    /** Waits for the few pieces of work that have begun; none begins any more. */
    @Override
    public void close() {
        begun.forEach(waiting -> waiting.cancel(false));
        threads.close();
    }
}
