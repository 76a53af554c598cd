package dev.quantline.console.client;

/** The broker or the store cannot be used; the message names the address and says what to do. */
public final class Unreachable extends RuntimeException {
    private static final long serialVersionUID = 1;

    Unreachable(String message, Throwable cause) {
        super(message, cause);
    }
}
