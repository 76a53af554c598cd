package dev.quantline.console.display;

import dev.quantline.pipeline.event.Event;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** One plain line per change. */
final class Lines implements ProgressDisplay {
    private final PrintStream out;
    private final boolean manyJobs;
    private final Map<String, String> last = new HashMap<>();

    Lines(PrintStream out, boolean manyJobs) {
        this.out = out;
        this.manyJobs = manyJobs;
    }

    @Override
    public void show(Event event) {
        var line = switch (event) {
            case Event.Progress progress -> line(progress.stage().verb(), "%3.0f %%".formatted(progress.percent()), progress.message());
            case Event.Completed done -> line(done.stage().verb(), "done", String.format(Locale.ROOT, "in %.1f s", done.seconds().wall()));
            case Event.Failed failed -> line(failed.stage(), "failed", failed.reason());
            case Event.Cancel _, Event.Work _, Event.WorkDone _ -> "";
        };
        if (!line.isEmpty() && !line.equals(last.put(event.job(), line))) {
            out.println(manyJobs ? event.job() + " " + line : line);
        }
    }

    @Override
    public void say(String message) {
        out.println(message);
    }

    @Override
    public void close() {
        out.flush();
    }

    private static String line(String stage, String state, String message) {
        return "%-10s %-6s %s".formatted(stage, state, message).stripTrailing();
    }
}
