/** Benchmarks of tuning, method by method and knob by knob. Imports {@code onnx} and {@code quantize}. */
package dev.quantline.bench.tune;
