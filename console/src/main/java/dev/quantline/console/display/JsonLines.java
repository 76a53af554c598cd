package dev.quantline.console.display;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.quantline.onnx.runtime.Progress;
import dev.quantline.pipeline.event.Event;
import dev.quantline.quantize.settings.Json;
import java.io.PrintStream;

/** One JSON object per line for programs: an event's fields and, in {@code event}, its kind; nothing meant for people only. */
final class JsonLines implements ProgressDisplay {
    private final PrintStream out;

    JsonLines(PrintStream out) {
        this.out = out;
    }

    @Override
    public void show(Event event) {
        switch (event) {
            case Event.Progress _ -> print("progress", event);
            case Event.Completed _ -> print("completed", event);
            case Event.Failed _ -> print("failed", event);
            case Event.Cancel _, Event.Work _, Event.WorkDone _ -> {}
        }
    }

    private void print(String kind, Event event) {
        ObjectNode line = Json.MAPPER.createObjectNode().put("event", kind);
        out.println(line.setAll((ObjectNode) Json.tree(event)));
    }

    @Override
    public void say(String message) {
        // Is for people.
    }

    @Override
    public Progress of(String name) {
        return Progress.none();
    }

    @Override
    public void close() {
        out.flush();
    }
}
