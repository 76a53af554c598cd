/**
 * Jobs under random faults: the packaged services, a broker and a store as processes that are killed, stopped and cut off while they
 * work. Imports {@code onnx}, {@code quantize}, {@code pipeline}, {@code embedded} and
 * {@code bench.robustness}.
 */
package dev.quantline.bench.chaos;
