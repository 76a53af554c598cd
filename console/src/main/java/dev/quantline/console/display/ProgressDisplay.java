package dev.quantline.console.display;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import java.io.PrintStream;

/**
 * Shows how far a job is; neither a job nor a stage goes backward. Everything goes to one stream, usually standard error, so that
 * standard output has only results.
 */
public sealed interface ProgressDisplay extends AutoCloseable permits Bars, Lines, JsonLines, Forward {
    /** The display that suits the stream: bars that move on a terminal, one line per change elsewhere. */
    static ProgressDisplay on(PrintStream out, boolean terminal) {
        return new Forward(terminal ? new Bars(out) : new Lines(out, false));
    }

    /** Lines that begin with the job's id, for several jobs at once. */
    static ProgressDisplay ofManyJobs(PrintStream out) {
        return new Forward(new Lines(out, true));
    }

    /** One JSON object per line: the events of one job, or of several. */
    static ProgressDisplay asJson(PrintStream out) {
        return new Forward(new JsonLines(out));
    }

    /** Shows one event; skips kinds that mean nothing to people. */
    void show(Event event);

    /** Shows what the console itself does before and after the stages. */
    void say(String message);

    /** Shows the progress of something that is not a stage of a job. */
    Progress of(String name);

    /** Leaves the terminal as it was.; nothing is shown from then on. */
    @Override
    void close();
}
