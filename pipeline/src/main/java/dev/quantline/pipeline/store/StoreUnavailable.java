package dev.quantline.pipeline.store;

/** The store did not answer, or refused: the world failed, trying again can help. The message names the address. */
public final class StoreUnavailable extends RuntimeException {
    public StoreUnavailable(String message, Throwable cause) {
        super(message, cause);
    }
}
