package dev.quantline.pipeline.event;

/** A record that is not what its topic carries. It goes to the dead-letter topic; no retry can help. */
public final class Unreadable extends RuntimeException {
    public Unreadable(String message) {
        super(message);
    }

    public Unreadable(String message, Throwable cause) {
        super(message, cause);
    }
}
