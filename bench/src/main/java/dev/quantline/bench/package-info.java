/** What benchmarks share. Imports {@code onnx} and {@code quantize}. */
package dev.quantline.bench;
