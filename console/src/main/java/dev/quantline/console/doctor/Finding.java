package dev.quantline.console.doctor;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/**
 * One thing that was checked.
 *
 * @param name   of the thing
 * @param state  how it stands
 * @param says   what was found
 * @param advice what to do; empty where nothing is wrong
 */
public record Finding(String name, State state, String says, String advice) {
    /** How a thing stands. */
    public enum State {
        /** Nothing to do. */
        OK,
        /** It works, with less than it could. */
        WARNING,
        /** It does not work so. */
        PROBLEM;

        /** As the command prints it. */
        @JsonValue
        public String word() {
            return this == OK ? "OK" : name().toLowerCase(Locale.ROOT);
        }
    }

    /** Something that is as it should be. */
    public static Finding ok(String name, String says) {
        return new Finding(name, State.OK, says, "");
    }

    /** Something that works, but not as well as it could. */
    public static Finding warning(String name, String says, String advice) {
        return new Finding(name, State.WARNING, says, advice);
    }

    /** A thing that does not work so. */
    public static Finding problem(String name, String says, String advice) {
        return new Finding(name, State.PROBLEM, says, advice);
    }
}
