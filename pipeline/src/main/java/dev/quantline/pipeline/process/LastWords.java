package dev.quantline.pipeline.process;

import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jboss.logging.Logger;

/** What a child prints to standard error: logged, and its end kept, where the virtual machine says what killed it. */
final class LastWords {
    private static final Logger LOG = Logger.getLogger(LastWords.class);
    private static final int KEPT = 40;
    private static final int LINE_BYTES = 4096;
    private static final List<String> OUT_OF_MEMORY =
            List.of("insufficient memory for the Java Runtime", "java.lang.OutOfMemoryError", "std::bad_alloc");
    private static final int SIGNALLED = 128;
    /** Of the Java virtual machine's report: {@code #  SIGFPE (0x8) at pc=...}, {@code # C  [libonnxruntime.so+0x...]}. */
    private static final Pattern SIGNAL = Pattern.compile("#\\s+(SIG[A-Z]+) \\(");

    private static final Pattern FRAME = Pattern.compile("# [A-Za-z]\\s+\\[([^\\]+]+)\\+?.*");

    private final Deque<String> lines = new ArrayDeque<>();
    private final Thread reader;

    LastWords(InputStream from) {
        reader =
                Thread.ofPlatform().daemon().name("child-errors").start(() -> Lines.read(from, LINE_BYTES, this::keep));
    }

    /** Why the process ended, for people. */
    String cause(int exit) {
        try {
            reader.join(1000);
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        }
        var signal = found(SIGNAL);
        if (signal.isEmpty()) {
            return exit > SIGNALLED ? "of signal " + (exit - SIGNALLED) : "with exit code " + exit;
        }
        var library = found(FRAME);
        return "of " + signal + (library.isEmpty() ? "" : " in " + library);
    }

    /** Whether Java, or the C++ library, found no memory for itself. */
    synchronized boolean sayOutOfMemory() {
        return lines.stream().anyMatch(line -> OUT_OF_MEMORY.stream().anyMatch(line::contains));
    }

    private synchronized String found(Pattern pattern) {
        return lines.stream()
                .map(pattern::matcher)
                .filter(Matcher::find)
                .map(match -> match.group(1))
                .findFirst()
                .orElse("");
    }

    private synchronized void keep(String line) {
        LOG.info(line);
        lines.add(line);
        if (lines.size() > KEPT) {
            lines.removeFirst();
        }
    }
}
