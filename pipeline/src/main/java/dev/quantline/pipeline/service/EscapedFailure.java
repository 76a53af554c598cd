package dev.quantline.pipeline.service;

import dev.quantline.onnx.Escaped;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** A failure as a log may tell it: name, message and trace of another one, and its causes, escaped. */
final class EscapedFailure extends Throwable {
    private static final long serialVersionUID = 1;

    private final String told;

    private EscapedFailure(Throwable failure, Set<Throwable> seen) {
        super(failure.getMessage() == null ? null : Escaped.text(failure.getMessage()));
        told = Escaped.text(failure.toString());
        setStackTrace(failure.getStackTrace());
        if (failure.getCause() != null && seen.add(failure.getCause())) {
            initCause(new EscapedFailure(failure.getCause(), seen));
        }
        Arrays.stream(failure.getSuppressed())
                .filter(seen::add)
                .forEach(other -> addSuppressed(new EscapedFailure(other, seen)));
    }

    /** The failure itself where neither it nor one that led to it says anything that must be escaped. */
    static Throwable of(Throwable failure) {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        seen.add(failure);
        var copy = new EscapedFailure(failure, seen);
        return seen.stream().allMatch(one -> Escaped.text(one.toString()).equals(one.toString())) ? failure : copy;
    }

    @Override
    public String toString() {
        return told;
    }
}
