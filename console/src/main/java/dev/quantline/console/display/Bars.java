package dev.quantline.console.display;

import dev.quantline.pipeline.event.Event;
import dev.quantline.pipeline.event.StageName;
import java.io.PrintStream;
import java.util.EnumMap;
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
    private final Map<StageName, ProgressBar> bars = new EnumMap<>(StageName.class);

    Bars(PrintStream out) {
        this.out = out;
    }

    @Override
    public void show(Event event) {
        switch (event) {
            case Event.Progress progress -> bar(progress.stage()).stepTo((long) progress.percent())
                .setExtraMessage(" " + brief(progress.message()));
            case Event.Completed done -> {
                var bar = bar(done.stage());
                bar.setExtraMessage(String.format(Locale.ROOT, " done in %.1f s", done.seconds().wall()));
                bar.stepTo(HUNDRED_PERCENT);
                bar.close();
            }
            case Event.Failed _ -> close();
            case Event.Cancel _, Event.Work _, Event.WorkDone _ -> { }
        }
    }

    @Override
    public void say(String message) {
        out.println(message);
    }

    @Override
    public void close() {
        bars.values().forEach(ProgressBar::close);
        out.flush();
    }

    /** The last part of a message, so that the bar keeps its room: {@code samples 0 to 256: reading} becomes {@code reading}. */
    private static String brief(String message) {
        return message.substring(message.lastIndexOf(": ") + 1).strip();
    }

    private ProgressBar bar(StageName stage) {
        return bars.computeIfAbsent(stage, name -> new ProgressBarBuilder()
                .setTaskName("%-9s".formatted(name.verb()))
                .setInitialMax(HUNDRED_PERCENT)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(REDRAW_MS)
                .setConsumer(new ConsoleProgressBarConsumer(out))
                .build());
    }
}
