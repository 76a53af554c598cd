package dev.quantline.pipeline.stage;

import dev.quantline.pipeline.event.Event;

/** Where events go. */
public interface EventSink {
    /**
     * Returns once the broker has the event.
     *
     * @throws BrokerUnavailable when it does not take it in time
     */
    void publish(Event event);

    /** Hands the event over without waiting; it may get lost when the broker is away. */
    void announce(Event.Progress progress);
}
