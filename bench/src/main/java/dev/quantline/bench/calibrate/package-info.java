/** Benches of profiling and calibration. Imports {@code core}. */
package dev.quantline.bench.calibrate;
