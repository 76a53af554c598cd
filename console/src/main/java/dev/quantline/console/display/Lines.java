package dev.quantline.console.display;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** One plain line per change: another stage, kind of work or replica, another attempt, or a twentieth of a stage further. */
final class Lines implements ProgressDisplay {
    private static final double STEP = 5;
    private static final int HUNDRED_PERCENT = 100;
    private static final Pattern DIGITS = Pattern.compile("\\d+");

    private final PrintStream out;
    private final boolean manyJobs;
    private final Map<String, String> last = new HashMap<>();
    private final Replicas replicas = new Replicas();

    Lines(PrintStream out, boolean manyJobs) {
        this.out = out;
        this.manyJobs = manyJobs;
    }

    @Override
    public void show(Event event) {
        switch (event) {
            case Event.Progress progress -> {
                var kind = progress.stage() + " " + Math.floor(progress.percent() / STEP)
                        + DIGITS.matcher(progress.message()).replaceAll("");
                var news = replicas.news(progress);
                if (!kind.equals(last.put(event.job(), kind)) || news.isPresent()) {
                    var who = news.or(() -> replicas.oneOfSeveral(progress).map(" (%s)"::formatted));
                    print(
                            event,
                            progress.stage().verb(),
                            "%3.0f %%".formatted(progress.percent()),
                            progress.message() + who.orElse(""));
                }
            }
            case Event.Completed done ->
                print(
                        event,
                        done.stage().verb(),
                        "done",
                        String.format(Locale.ROOT, "in %.1f s", done.seconds().wall()));
            // For a single job, the command itself prints the reason at the end.
            case Event.Failed failed when manyJobs -> print(event, failed.stage(), "failed", failed.reason());
            case Event.Failed _, Event.Cancel _, Event.Work _, Event.WorkDone _ -> {}
        }
    }

    @Override
    public void say(String message) {
        out.println(message);
    }

    @Override
    public Progress of(String name) {
        return (fraction, message) -> {
            var kind = name + " " + Math.floor(fraction * HUNDRED_PERCENT / STEP);
            if (!kind.equals(last.put(name, kind))) {
                out.println("%-10s %-6s %s"
                        .formatted(name, "%3.0f %%".formatted(fraction * HUNDRED_PERCENT), message)
                        .stripTrailing());
            }
        };
    }

    @Override
    public void close() {
        out.flush();
    }

    private void print(Event event, String stage, String state, String message) {
        var line = "%-10s %-6s %s".formatted(stage, state, message).stripTrailing();
        out.println(manyJobs ? event.job() + " " + line : line);
    }
}
