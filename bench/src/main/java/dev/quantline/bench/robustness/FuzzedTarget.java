package dev.quantline.bench.robustness;

import java.io.IOException;
import java.util.Locale;

/** What the fuzzer calls: its options name the {@link Target}. */
public final class FuzzedTarget {
    private static Target target;
    private static Sandbox sandbox;

    private FuzzedTarget() {}

    /** Arguments: the target's name. */
    public static void fuzzerInitialize(String[] arguments) throws IOException {
        target = Target.valueOf(arguments[0].toUpperCase(Locale.ROOT));
        sandbox = Sandbox.open();
    }

    /** Closes what was opened. */
    public static void fuzzerTearDown() throws IOException {
        sandbox.close();
    }

    /** One input. @throws Throwable what it made fail */
    public static void fuzzerTestOneInput(byte[] input) throws Throwable {
        var fault = target.judge(sandbox, input).fault();
        if (fault.isPresent()) {
            throw fault.get();
        }
    }
}
