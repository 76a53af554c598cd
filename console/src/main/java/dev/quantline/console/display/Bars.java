package dev.quantline.console.display;

import dev.quantline.onnx.Escaped;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** One bar per stage with percent, time spent and time left; a finished stage keeps its bar above the next one. */
final class Bars implements ProgressDisplay {
    private static final int HUNDRED_PERCENT = 100;
    private static final int REDRAW_MS = 200;

    private final PrintStream out;
    private final Map<String, ProgressBar> bars = new LinkedHashMap<>();
    private final Replicas replicas = new Replicas();

    Bars(PrintStream out) {
        this.out = out;
    }

    @Override
    public void show(Event event) {
        switch (event) {
            case Event.Progress progress -> {
                var one = replicas.oneOfSeveral(progress).map(" %s:"::formatted);
                bar(progress.stage().verb())
                        .stepTo((long) progress.percent())
                        .setExtraMessage(one.orElse("") + " " + brief(progress.message()));
            }
            case Event.Completed done -> {
                var bar = bar(done.stage().verb());
                bar.setExtraMessage(String.format(
                        Locale.ROOT, " done in %.1f s", done.seconds().wall()));
                bar.stepTo(HUNDRED_PERCENT);
                bar.close();
            }
            case Event.Failed _ -> close();
            case Event.Cancel _, Event.Work _, Event.WorkDone _ -> {}
        }
    }

    @Override
    public void say(String message) {
        out.println(message);
    }

    @Override
    public Progress of(String name) {
        return (fraction, message) ->
                bar(name).stepTo((long) (fraction * HUNDRED_PERCENT)).setExtraMessage(" " + brief(message));
    }

    @Override
    public void close() {
        bars.values().forEach(ProgressBar::close);
        out.flush();
    }

    /** The last part of a message, so that the bar keeps its room: {@code samples 0 to 256: reading} becomes {@code reading}. */
    private static String brief(String message) {
        return Escaped.text(message.substring(message.lastIndexOf(": ") + 1).strip());
    }

    private ProgressBar bar(String stage) {
        return bars.computeIfAbsent(
                stage,
                name -> new ProgressBarBuilder()
                        .setTaskName("%-9s".formatted(name))
                        .setInitialMax(HUNDRED_PERCENT)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUpdateIntervalMillis(REDRAW_MS)
                        // As bytes, which pass an escaped stream: bars move the cursor.
                        .setConsumer(new ConsoleProgressBarConsumer(new PrintStream(out, true, out.charset())))
                        .build());
    }
}
