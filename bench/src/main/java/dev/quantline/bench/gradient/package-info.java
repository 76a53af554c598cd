/** Measures the gradient engine: the cost of a training step, and trainings from start to end with their curves. */
package dev.quantline.bench.gradient;
