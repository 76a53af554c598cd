package dev.quantline.pipeline.stage;

import dev.quantline.onnx.BadInput;
import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.store.Keys;
import dev.quantline.pipeline.store.Store;
import dev.quantline.quantize.settings.Json;
import java.io.IOException;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * Writes down each attempt at a piece of work before it starts, and that it ended. Attempts without an end are those that ended with the
 * process, so that a piece which kills whoever works on it is given up, by any replica. Nothing is deleted: stores that keep objects as
 * files cannot write into a folder while its last object goes.
 */
final class Attempts {
    private static final Logger LOG = Logger.getLogger(Attempts.class);

    private final Store store;
    private final String replica;

    /** @param replica the name of this process */
    Attempts(Store store, String replica) {
        this.store = store;
        this.replica = replica;
    }

    /**
     * One attempt.
     *
     * @param ended whether it came to an end, good or bad, that this process has seen
     * @param death why the process it ran in ended, where somebody was left to say so
     * @param by    who made it; older versions did not say
     */
    record Attempt(boolean ended, Optional<String> death, Optional<Event.Attempt> by) {}

    /** A piece of work. */
    interface Work<T> {
        T run(Event.Attempt attempt) throws IOException;
    }

    /**
     * Works on a piece, again when the process it runs in dies.
     *
     * @param folder of the piece in the store
     * @param what   names it for people
     * @throws BadInput when it was tried as often as {@link JobLimit#ITEM_DEATHS} and {@link JobLimit#ITEM_LOSSES} allow
     */
    <T> T run(String folder, String what, Work<T> work) throws IOException {
        while (true) {
            var attempt = begin(folder, what);
            try {
                var result = work.run(attempt);
                write(folder, attempt, true, Optional.empty());
                return result;
            } catch (ProcessDied died) {
                LOG.warnf("the process that worked on %s died: %s", what, died.getMessage());
                write(folder, attempt, false, Optional.of(died.getMessage()));
            } catch (OverLimit over) {
                end(folder, attempt, over);
                throw over.of(what);
            } catch (IOException | RuntimeException | Error ended) {
                end(folder, attempt, ended);
                throw ended;
            }
        }
    }

    private Event.Attempt begin(String folder, String what) {
        for (int number = 1; ; number++) {
            var attempt = new Event.Attempt(replica, number, System.currentTimeMillis());
            var begun = new Attempt(false, Optional.empty(), Optional.of(attempt));
            if (number == 2) {
                refuseAnother(folder, what);
            }
            if (store.create(Keys.attempt(folder, number), Json.bytes(begun))) {
                return attempt;
            }
        }
    }

    private void refuseAnother(String folder, String what) {
        var earlier = store.list(Keys.attempts(folder)).stream()
                .flatMap(key -> store.read(key).stream())
                .map(json -> Json.read(json, Attempt.class))
                .filter(attempt -> !attempt.ended())
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

    private void end(String folder, Event.Attempt attempt, Throwable ended) {
        try {
            write(folder, attempt, true, Optional.empty());
        } catch (RuntimeException alsoBroken) {
            ended.addSuppressed(alsoBroken);
        }
    }

    private void write(String folder, Event.Attempt attempt, boolean ended, Optional<String> death) {
        store.write(
                Keys.attempt(folder, attempt.number()), Json.bytes(new Attempt(ended, death, Optional.of(attempt))));
    }
}
