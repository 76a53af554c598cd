/** What tuning is worth, method by method and knob by knob. Imports {@code core}. */
package dev.quantline.bench.tune;
