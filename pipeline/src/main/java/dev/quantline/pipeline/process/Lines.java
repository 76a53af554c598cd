package dev.quantline.pipeline.process;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;

/** Lines of a child that may say anything, for ever. */
final class Lines {
    private Lines() {}

    /** Takes a line. */
    interface Listener {
        void hear(String line) throws InterruptedException;
    }

    /**
     * Reads lines until the end, or until this thread is interrupted or the stream closed.
     *
     * @param most bytes of a line; what is longer comes as several
     */
    static void read(InputStream from, int most, Listener listener) {
        try (var in = new BufferedInputStream(from)) {
            var line = new ByteArrayOutputStream();
            for (int next = in.read(); next >= 0; next = in.read()) {
                if (next != '\n') {
                    line.write(next);
                }
                if (next == '\n' || line.size() == most) {
                    listener.hear(line.toString(StandardCharsets.UTF_8));
                    line.reset();
                }
            }
        } catch (IOException closed) {
            // Nobody is left to speak.
        } catch (InterruptedException notListening) {
            // Nobody is left to listen.
        }
    }
}
