package dev.quantline.console.stack;

import dev.quantline.console.process.CtrlC;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.stream.Stream;

/**
 * Parts that each run in a process of its own, this program again with {@code up PART}. A process that dies is started again, soon at first
 * and then later; one that dies again and again is given up. All end with this one, however it ends: their standard input does.
 */
public final class PartProcesses implements AutoCloseable {
    /** Deaths of a part in a row, each within {@link #LONG} of its start, after which it is given up. */
    private static final int MOST_DEATHS = 5;

    private static final Duration LONG = Duration.ofMinutes(1);
    /** A service gives what it has in hand some time, see {@code quantline.work.farewell}. */
    private static final Duration CLOSING = Duration.ofSeconds(9);

    private static final int SIGNALLED = 128;
    /** Options of this virtual machine that a second one cannot share: agents, which listen on ports. */
    private static final List<String> OURS = List.of("-agentlib", "-agentpath", "-javaagent", "-Xdebug", "-Xrun");

    private final IntPredicate hopeless;
    private final Consumer<String> said;
    private final Consumer<String> remarks;
    private final List<Child> children = new ArrayList<>();
    private final CompletableFuture<String> lost = new CompletableFuture<>();
    private final CountDownLatch closing = new CountDownLatch(1);

    /**
     * @param hopeless exit codes that another start cannot mend
     * @param said     gets the lines that the parts print on standard output, the first of each when it is up
     * @param remarks  gets what becomes of the processes, a line each
     */
    public PartProcesses(IntPredicate hopeless, Consumer<String> said, Consumer<String> remarks) {
        this.hopeless = hopeless;
        this.said = said;
        this.remarks = remarks;
    }

    /** A part was given up. */
    public static final class PartLost extends Exception {
        private static final long serialVersionUID = 1;

        PartLost(String message) {
            super(message);
        }
    }

    /**
     * Starts a process for a part.
     *
     * @param options     of the command line, behind {@code up PART}
     * @param environment variables besides those of this process: what other users of the machine must not see
     */
    public void start(Part part, List<String> options, Map<String, String> environment) {
        var builder = new ProcessBuilder(Stream.of(java(), List.of("up", part.word()), options)
                        .flatMap(List::stream)
                        .toList())
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().putAll(environment);
        var child = new Child(part, builder);
        children.add(child);
        Thread.ofPlatform().daemon().name("quantline-" + part.word()).start(child::keep);
    }

    /** This program, without its arguments. */
    private static List<String> java() {
        var options = ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(option -> OURS.stream().noneMatch(option::startsWith));
        return Stream.of(
                        Stream.of(Path.of(System.getProperty("java.home"), "bin", "java")
                                .toString()),
                        options,
                        Stream.of("-jar", System.getProperty("java.class.path")))
                .flatMap(command -> command)
                .toList();
    }

    /**
     * Returns when everything that was started has said that it is up.
     *
     * @throws PartLost when a part was given up instead
     */
    public void awaitUp() throws PartLost, InterruptedException {
        var up =
                CompletableFuture.allOf(children.stream().map(child -> child.up).toArray(CompletableFuture<?>[]::new));
        await(CompletableFuture.anyOf(up, lost));
        if (lost.isDone()) {
            throw new PartLost(lost.join());
        }
    }

    /** @throws PartLost when a part was given up; does not return before */
    public void awaitLoss() throws PartLost, InterruptedException {
        await(lost);
        throw new PartLost(lost.join());
    }

    private static void await(CompletableFuture<?> future) throws InterruptedException {
        try {
            future.get();
        } catch (ExecutionException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Ends all processes, those of services before those of servers, and waits for them. */
    @Override
    public void close() {
        closing.countDown();
        long end = System.nanoTime() + CLOSING.toNanos();
        for (boolean service : new boolean[] {true, false}) {
            var ending = children.stream()
                    .filter(child -> child.part.isService() == service)
                    .toList();
            ending.forEach(Child::askToEnd);
            ending.forEach(child -> child.awaitEnd(end));
        }
    }

    /** One part, through all of its processes. */
    private final class Child {
        private final Part part;
        private final ProcessBuilder builder;
        private final CompletableFuture<Void> up = new CompletableFuture<>();
        private Process process;

        Child(Part part, ProcessBuilder builder) {
            this.part = part;
            this.builder = builder;
        }

        void keep() {
            try {
                int deaths = 0;
                while (begin()) {
                    long since = System.nanoTime();
                    process.inputReader().lines().forEach(this::hear);
                    int code = process.waitFor();
                    deaths = System.nanoTime() - since > LONG.toNanos() ? 1 : deaths + 1;
                    if (isOver(code, deaths) || closing.await(pause(deaths), TimeUnit.SECONDS)) {
                        return;
                    }
                }
            } catch (IOException | UncheckedIOException failure) {
                lost.complete("no process can be started for the %s: %s".formatted(part.word(), failure.getMessage()));
            } catch (InterruptedException impossible) {
                Thread.currentThread().interrupt();
            }
        }

        private synchronized boolean begin() throws IOException {
            if (isEnding()) {
                return false;
            }
            process = builder.start();
            return true;
        }

        private void hear(String line) {
            said.accept(line);
            up.complete(null);
        }

        private boolean isOver(int code, int deaths) {
            if (isEnding()) {
                return true;
            }
            var death = "the %s, process %d, ended %s"
                    .formatted(
                            part.word(),
                            process.pid(),
                            code > SIGNALLED ? "of signal " + (code - SIGNALLED) : "with exit code " + code);
            if (hopeless.test(code)) {
                return lost.complete(death);
            }
            if (deaths == MOST_DEATHS) {
                return lost.complete(death + ", as did the %d before it".formatted(deaths - 1));
            }
            remarks.accept(death + "; another one starts in %d s".formatted(pause(deaths)));
            return false;
        }

        synchronized void askToEnd() {
            if (process != null) {
                try {
                    process.getOutputStream().close();
                } catch (IOException gone) {
                    // It has ended.
                }
            }
        }

        void awaitEnd(long nanos) {
            try {
                if (process != null && !process.waitFor(nanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                    process.destroyForcibly();
                }
            } catch (InterruptedException stopped) {
                process.destroyForcibly();
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean isEnding() {
        return closing.getCount() == 0 || CtrlC.isUnderWay();
    }

    private static int pause(int deaths) {
        return 1 << (deaths - 1);
    }
}
