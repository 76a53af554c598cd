package dev.quantline.pipeline.store;

import io.minio.errors.ErrorResponseException;

/** The store did not answer, or refused: the environment failed, and retrying can help. The message names the address. */
public final class StoreUnavailable extends RuntimeException {
    private static final int CLIENT_ERROR = 400;
    private static final int SERVER_ERROR = 500;

    public StoreUnavailable(String message, Throwable cause) {
        super(message, cause);
    }

    /** Whether the store refused access: it does not accept the keys, region or bucket. */
    public boolean refused() {
        return getCause() instanceof ErrorResponseException answer
                && answer.response().code() >= CLIENT_ERROR
                && answer.response().code() < SERVER_ERROR;
    }
}
