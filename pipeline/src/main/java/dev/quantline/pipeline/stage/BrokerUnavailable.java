package dev.quantline.pipeline.stage;

/** The broker did not accept an event: the environment failed, and retrying can help. */
public final class BrokerUnavailable extends RuntimeException {
    public BrokerUnavailable(String message, Throwable cause) {
        super(message, cause);
    }
}
