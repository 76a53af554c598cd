package dev.quantline.pipeline.stage;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * Writes down each attempt at a piece of work before it starts, and takes it back when it ends. What remains in the store are attempts
 * that ended with the process, so that a piece which kills whoever works on it is given up, by any replica.
 */
final class Attempts {
    private static final Logger LOG = Logger.getLogger(Attempts.class);

    private final Store store;

    Attempts(Store store) {
        this.store = store;
    }

    /** @param death why the process ended, where somebody was left to say so */
    record Attempt(Optional<String> death) {}

    /**
     * Works on a piece, again when the process it runs in dies.
     *
     * @param folder of the piece in the store
     * @param what   names it for people
     * @throws BadInput when it was tried as often as {@link JobLimit#ITEM_DEATHS} and {@link JobLimit#ITEM_LOSSES} allow
     */
    <T> T run(String folder, String what, Stopwatch.Computation<T> work) throws IOException {
        while (true) {
            var attempt = begin(folder, what);
            try {
                var result = work.run();
                store.delete(attempt);
                return result;
            } catch (ProcessDied died) {
                LOG.warnf("the process that worked on %s died: %s", what, died.getMessage());
                store.write(attempt, Json.bytes(new Attempt(Optional.of(died.getMessage()))));
            } catch (OverLimit over) {
                takeBack(attempt, over);
                throw over.of(what);
            } catch (IOException | RuntimeException | Error ended) {
                takeBack(attempt, ended);
                throw ended;
            }
        }
    }

    private String begin(String folder, String what) {
        var content = Json.bytes(new Attempt(Optional.empty()));
        for (int number = 1; ; number++) {
            if (number == 2) {
                refuseAnother(folder, what);
            }
            if (store.create(Keys.attempt(folder, number), content)) {
                return Keys.attempt(folder, number);
            }
        }
    }

    private void refuseAnother(String folder, String what) {
        var earlier = store.list(Keys.attempts(folder)).stream()
                .flatMap(key -> store.read(key).stream())
                .map(json -> Json.read(json, Attempt.class))
                .toList();
        var deaths =
                earlier.stream().flatMap(attempt -> attempt.death().stream()).toList();
        if (deaths.size() >= JobLimit.ITEM_DEATHS.value()) {
            throw new BadInput("%s: the process that works on it died %d times, lastly %s; %s"
                    .formatted(what, deaths.size(), deaths.getLast(), JobLimit.ITEM_DEATHS.words()));
        }
        if (earlier.size() - deaths.size() >= JobLimit.ITEM_LOSSES.value()) {
            throw new BadInput("%s: the service that works on it was lost %d times; %s"
                    .formatted(what, earlier.size() - deaths.size(), JobLimit.ITEM_LOSSES.words()));
        }
    }

    private void takeBack(String attempt, Throwable ended) {
        try {
            store.delete(attempt);
        } catch (RuntimeException alsoBroken) {
            ended.addSuppressed(alsoBroken);
        }
    }
}
