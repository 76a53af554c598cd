package dev.quantline.console.client;

import dev.quantline.pipeline.event.Event;

/** How a job ended. */
public sealed interface Ending {
    /** The model and the report are in the store. */
    record Done() implements Ending {}

    /** The job does not continue by itself; the event says why. */
    record Failed(Event.Failed event) implements Ending {}
}
