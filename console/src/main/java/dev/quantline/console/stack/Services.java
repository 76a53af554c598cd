package dev.quantline.console.stack;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** The Quarkus application of the four services, run by a thread of its own. */
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

    /** Returns when all services are ready, or throws the reason why they did not start. */
    void start() {
        Thread.ofPlatform().name("quantline-services").start(() -> {
            try {
                Quarkus.run(Application.class, this::onExit);
            } finally {
                ended.complete(null);
            }
        });
        CompletableFuture.anyOf(READY, ended).join();
        if (!READY.isDone()) {
            throw new IllegalStateException("the services did not start; see .quantline/quantline.log");
        }
    }

    void awaitStop() {
        ended.join();
    }

    /** Returns early, with the interrupt flag set, when it is interrupted. */
    void awaitStopOrInterrupt() {
        try {
            ended.get();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private void onExit(int code, Throwable failure) {
        if (failure != null) {
            READY.completeExceptionally(failure);
        }
    }
}
