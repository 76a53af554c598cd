/**
 * How a job's time depends on the number of replicas: its items are timed once and replayed. Imports {@code quantize}, {@code pipeline} and
 * {@code bench.chaos}.
 */
package dev.quantline.bench.scale;
