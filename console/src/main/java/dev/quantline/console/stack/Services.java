package dev.quantline.console.stack;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/** The Quarkus application of the services, run by a thread of its own. */
final class Services {
    private static final CompletableFuture<Void> READY = new CompletableFuture<>();

    private final CompletableFuture<Void> ended = new CompletableFuture<>();

    /** Started by Quarkus when every bean and channel is up. */
    public static final class Application implements QuarkusApplication {
        @Override
        public int run(String... arguments) {
            READY.complete(null);
            Quarkus.waitForExit();
            return 0;
        }
    }

    /**
     * Returns when all services are ready, or throws the reason why they did not start.
     *
     * @param log where they say more
     */
    void start(Path log) {
        Thread.ofPlatform().name("quantline-services").start(() -> {
            try {
                Quarkus.run(Application.class, this::onExit);
            } finally {
                ended.complete(null);
            }
        });
        CompletableFuture.anyOf(READY, ended).join();
        if (!READY.isDone()) {
            throw new IllegalStateException("the services did not start; see " + log);
        }
    }

    /** Is done when the services have stopped, by themselves or on request. */
    CompletableFuture<Void> ended() {
        return ended;
    }

    void stop() {
        Quarkus.asyncExit();
        ended.join();
    }

    private void onExit(int code, Throwable failure) {
        if (failure != null) {
            READY.completeExceptionally(failure);
        }
    }
}
