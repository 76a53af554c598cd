package dev.quantline.pipeline.event;

/** A record that does not belong on its topic. It goes to the dead-letter topic; retrying cannot help. */
public final class Unreadable extends RuntimeException {
    public Unreadable(String message) {
        super(message);
    }

    public Unreadable(String message, Throwable cause) {
        super(message, cause);
    }
}
