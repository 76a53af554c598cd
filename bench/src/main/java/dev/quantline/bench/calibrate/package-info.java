/** Benchmarks of profiling and calibration. Imports {@code onnx} and {@code quantize}. */
package dev.quantline.bench.calibrate;
