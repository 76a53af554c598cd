/**
 * The shell every stage runs in: splits it into items, hands them to whichever replica is free, merges in item order,
 * and decides from the store alone what is done. Plain Java over {@code store} and {@code event}; the broker is an
 * {@link dev.quantline.pipeline.stage.EventSink}.
 */
package dev.quantline.pipeline.stage;
