/** Benchmarks of bit allocation. Imports {@code onnx} and {@code quantize}. */
package dev.quantline.bench.allocate;
