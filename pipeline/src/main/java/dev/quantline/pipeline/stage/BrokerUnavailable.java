package dev.quantline.pipeline.stage;

/** The broker did not take an event: the world failed, trying again can help. */
public final class BrokerUnavailable extends RuntimeException {
    public BrokerUnavailable(String message, Throwable cause) {
        super(message, cause);
    }
}
