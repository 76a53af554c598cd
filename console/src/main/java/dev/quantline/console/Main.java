package dev.quantline.console;

import dev.quantline.console.command.QuantlineCommand;
import dev.quantline.console.process.CtrlC;
import io.quarkus.runtime.annotations.QuarkusMain;

/** Parses the command line first; only the commands that need services of their own start Quarkus, broker and store. */
@QuarkusMain
public final class Main {
    private Main() {}

    /** Runs one command and exits with its exit code. */
    public static void main(String... arguments) {
        CtrlC.guard(() -> QuantlineCommand.execute(arguments));
    }
}
