/** The profiler as a service: its stage and its channels. Imports {@code onnx}, {@code quantize} and {@code pipeline}. */
package dev.quantline.profiler;
