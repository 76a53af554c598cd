package dev.quantline.bench.robustness;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One run of <a href="https://github.com/CodeIntelligenceTesting/jazzer">Jazzer</a> on one target, in a process of its own: a
 * bounded heap, little time for each input, and the locale of a container.
 *
 * @param runs     inputs that were run
 * @param before   edges of the code that the inputs it began with reach
 * @param after    those that all inputs reach
 * @param inputs   new ones that were worth keeping
 * @param findings what was thrown and where, once for each place
 */
record GuidedRun(long runs, long before, long after, long inputs, List<String> findings) {
    private static final int MEGABYTES = 1024;
    private static final int MOST_FINDINGS = 20;
    private static final Pattern INITED = Pattern.compile("#\\d+\\s+INITED cov: (\\d+) ft: \\d+ corp: (\\d+)");
    private static final Pattern DONE = Pattern.compile("#(\\d+)\\s+DONE\\s+cov: (\\d+) ft: \\d+ corp: (\\d+)");
    private static final Pattern FINDING = Pattern.compile("== Java Exception: (.*)");
    private static final Pattern FRAME = Pattern.compile("\\s+at (dev\\.quantline\\..*)");

    /**
     * Runs the fuzzer and waits for it.
     *
     * @param folder  what was found is written there, and read again by the next run
     * @param options of libFuzzer that say when it ends
     * @param seconds after which it is stopped, whatever it does
     * @throws IllegalStateException with the end of its log when it did not end by itself
     */
    static GuidedRun of(Target target, Path folder, List<String> options, int seconds) throws IOException {
        var log = folder.resolve("log.txt").toAbsolutePath();
        var process = new ProcessBuilder(command(target, folder.toAbsolutePath(), options))
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        process.environment().put("LC_ALL", "C");
        var fuzzer = process.start();
        try {
            if (!fuzzer.waitFor(seconds, TimeUnit.SECONDS)) {
                fuzzer.destroyForcibly().waitFor();
                throw new IllegalStateException(target.label() + " was not done after " + seconds + " s: " + end(log));
            }
        } catch (InterruptedException e) {
            fuzzer.destroyForcibly();
            throw new IllegalStateException(e);
        }
        return read(lines(log));
    }

    private static List<String> command(Target target, Path folder, List<String> options) throws IOException {
        var found = Files.createDirectories(folder.resolve("inputs"));
        var command = new ArrayList<String>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + MEGABYTES + "m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:+EnableDynamicAgentLoading",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=" + FuzzedTarget.class.getName(),
                "--target_args=" + target.label(),
                "--instrumentation_includes=dev.quantline.**",
                "--keep_going=" + MOST_FINDINGS,
                "-timeout=" + Trial.TIME.toSeconds(),
                // The heap has its own limit.
                "-rss_limit_mb=0",
                "-artifact_prefix=" + folder + "/",
                "--reproducer_path=" + folder));
        command.addAll(options);
        command.add(found.toString());
        command.add(Kept.folder(target).toString());
        return command;
    }

    private static List<String> lines(Path log) throws IOException {
        return new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
                .lines()
                .toList();
    }

    private static String end(Path log) throws IOException {
        var lines = lines(log);
        return String.join("\n", lines.subList(Math.max(0, lines.size() - 10), lines.size()));
    }

    /** What a log says. */
    static GuidedRun read(List<String> log) {
        long before = 0;
        long kept = 0;
        var findings = new ArrayList<String>();
        for (int i = 0; i < log.size(); i++) {
            var inited = INITED.matcher(log.get(i));
            var finding = FINDING.matcher(log.get(i));
            var done = DONE.matcher(log.get(i));
            if (inited.find()) {
                before = Long.parseLong(inited.group(1));
                kept = Long.parseLong(inited.group(2));
            } else if (finding.find()) {
                findings.add(finding.group(1) + frame(log.subList(i + 1, log.size())));
            } else if (done.find()) {
                return new GuidedRun(
                        Long.parseLong(done.group(1)),
                        before,
                        Long.parseLong(done.group(2)),
                        Long.parseLong(done.group(3)) - kept,
                        List.copyOf(findings));
            }
        }
        throw new IllegalStateException("the fuzzer did not end by itself: "
                + String.join("\n", log.subList(Math.max(0, log.size() - 20), log.size())));
    }

    private static String frame(List<String> stack) {
        return stack.stream()
                .map(FRAME::matcher)
                .filter(Matcher::find)
                .findFirst()
                .map(frame -> " at " + frame.group(1))
                .orElse("");
    }
}
