package dev.quantline.console.client;

import java.time.Duration;

/** The broker or the store cannot be used; the message names the address and says what to do. */
public final class Unreachable extends RuntimeException {
    private static final long serialVersionUID = 1;

    Unreachable(String message, Throwable cause) {
        super(message, cause);
    }

    /** The same, of an address that was waited for. */
    Unreachable after(Duration wait) {
        return new Unreachable(
                "%s; waited %s, --wait sets how long".formatted(getMessage(), Patience.seconds(wait)), getCause());
    }
}
