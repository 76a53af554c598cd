package dev.quantline.pipeline.store;

import io.minio.errors.ErrorResponseException;
import java.util.Optional;

/** The store did not answer, or refused: the environment failed, and retrying can help. The message names the address. */
public final class StoreUnavailable extends RuntimeException {
    private static final int CLIENT_ERROR = 400;
    private static final int SERVER_ERROR = 500;

    private final transient Optional<String> denied;

    public StoreUnavailable(String message, Throwable cause) {
        this(message, cause, Optional.empty());
    }

    StoreUnavailable(String message, Throwable cause, Optional<String> denied) {
        super(message, cause);
        this.denied = denied;
    }

    /** The right that the keys lack, where that is why: {@code s3:PutObject}. */
    public Optional<String> denied() {
        return denied;
    }

    /** Whether the store refused access: it does not accept the keys, region or bucket. */
    public boolean refused() {
        return getCause() instanceof ErrorResponseException answer
                && answer.response().code() >= CLIENT_ERROR
                && answer.response().code() < SERVER_ERROR;
    }
}
