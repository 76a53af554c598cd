package dev.quantline.console.command;

/** What the program leaves with. */
final class ExitCode {
    /** Done. */
    static final int DONE = 0;
    /** Anything that is not one of the others. */
    static final int FAILED = 1;
    /** The input or the request cannot be used; one line on standard error says what, where, and what to do. */
    static final int UNUSABLE = 2;
    /** Done, but a stated goal was missed; the best model was written. */
    static final int GOAL_MISSED = 3;

    private ExitCode() {}
}
