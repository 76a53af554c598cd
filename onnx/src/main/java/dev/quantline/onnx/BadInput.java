package dev.quantline.onnx;

/**
 * A model, data file or setting that cannot be used. The message is for the person who sent it: it names the field,
 * tensor or node and says what to do. Never retried.
 */
public final class BadInput extends RuntimeException {
    public BadInput(String message) {
        super(message);
    }

    public BadInput(String message, Throwable cause) {
        super(message, cause);
    }
}
