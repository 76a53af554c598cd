package dev.quantline.bench.robustness;

import java.util.Optional;

/**
 * What became of an input.
 *
 * @param reason what a refusal or a failure says; empty where the input was accepted
 * @param fault  what should not have been thrown; empty unless the input made something fail
 */
record Verdict(Kind kind, String reason, Optional<Throwable> fault) {
    /** The three there are. */
    enum Kind {
        ACCEPTED,
        REFUSED,
        FAILED
    }

    static final Verdict ACCEPTED = new Verdict(Kind.ACCEPTED, "", Optional.empty());

    static Verdict refused(String reason) {
        return new Verdict(Kind.REFUSED, reason, Optional.empty());
    }

    static Verdict failed(Throwable fault) {
        return new Verdict(Kind.FAILED, fault.toString(), Optional.of(fault));
    }
}
