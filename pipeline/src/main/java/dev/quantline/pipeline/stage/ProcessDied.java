package dev.quantline.pipeline.stage;

/** The process that an item ran in ended before it answered; whatever it had in hand may have been the reason. */
public final class ProcessDied extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** @param cause the signal and the library, as far as they are known */
    public ProcessDied(String cause) {
        super(cause);
    }
}
