package dev.quantline.pipeline.stage;

/** A job needs more than a {@link JobLimit} allows. Submitted again under a higher limit, it resumes. */
public final class OverLimit extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** @param what took too much, for people */
    public OverLimit(String what, JobLimit limit) {
        super(what + ": " + limit.words());
    }

    private OverLimit(String message) {
        super(message);
    }

    /** The same, said of something. */
    OverLimit of(String what) {
        return new OverLimit(what + " " + getMessage());
    }
}
