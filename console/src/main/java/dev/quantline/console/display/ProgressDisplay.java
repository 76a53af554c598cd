package dev.quantline.console.display;

import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import java.io.PrintStream;

/**
 * Shows how far a job is; neither a job nor a stage of it goes backward. Everything goes to one stream, standard error as a rule, so that
 * standard output stays clean for results.
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

    /** One JSON object a line: the events of one job, or of several. */
    static ProgressDisplay asJson(PrintStream out) {
        return new Forward(new JsonLines(out));
    }

    /** Shows one event; kinds that say nothing to people are skipped. */
    void show(Event event);

    /** Shows what the console itself does before and after the stages. */
    void say(String message);

    /** Shows how far something is that is no stage of a job. */
    Progress of(String name);

    /** Leaves the terminal as it was.; nothing is shown from then on. */
    @Override
    void close();
}
