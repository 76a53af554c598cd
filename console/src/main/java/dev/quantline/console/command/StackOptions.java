package dev.quantline.console.command;

import dev.quantline.console.client.Connection;
import dev.quantline.console.client.Patience;
import dev.quantline.console.client.StackClient;
import dev.quantline.console.stack.LocalStack;
import dev.quantline.embedded.DataFolder;
import dev.quantline.onnx.BadInput;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which stack a command talks to, and how long it waits for one. */
final class StackOptions {
    private static final Duration PAUSE = Duration.ofMillis(300);

    @Mixin
    private AddressOptions addresses;

    @Option(
            names = "--wait",
            paramLabel = "TIME",
            defaultValue = "60s",
            converter = WaitTime.class,
            description =
                    "how long to wait for a broker or store that does not answer yet: 90s, 5m, 0 (default: ${DEFAULT-VALUE})")
    private Duration wait;

    /** Whether options name a stack. */
    boolean isNamed() {
        return addresses.isNamed();
    }

    /** As {@link AddressOptions#find}. */
    Optional<Connection> find() throws IOException {
        return addresses.find();
    }

    /** A client of a stack, waited for where it does not answer yet. */
    StackClient connect(Connection connection) throws IOException {
        return StackClient.connect(connection, patience());
    }

    /** Waits as long as the user wants, and says so. */
    Patience patience() {
        return new Patience(wait, System.err::println);
    }

    /** The stack to talk to, for commands that never start one. */
    Connection named() throws IOException {
        return found().orElseThrow(
                        () -> new BadInput("no stack runs in this folder: start one with ./quantline up, or name "
                                + "one with --kafka HOST:PORT --s3 URL"));
    }

    /** The stack to talk to; waits for one that is starting in this folder, as for an address that does not answer. */
    private Optional<Connection> found() throws IOException {
        var found = find();
        if (found.isEmpty() && DataFolder.isStarting(LocalStack.DATA)) {
            System.err.println("waiting up to %d s for the stack that starts in this folder (--wait sets how long)"
                    .formatted(wait.toSeconds()));
            var end = System.nanoTime() + wait.toNanos();
            while (found.isEmpty() && DataFolder.isStarting(LocalStack.DATA) && System.nanoTime() < end) {
                LockSupport.parkNanos(PAUSE.toNanos());
                found = find();
            }
        }
        return found;
    }

    /** A client of the stack to talk to, for commands that never start one. */
    StackClient connect() throws IOException {
        return connect(named());
    }
}
