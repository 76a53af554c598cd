/** What becomes of input that is damaged or hostile: targets of fuzzing, mutated models and archives, and the benches that run them. */
package dev.quantline.bench.robustness;
