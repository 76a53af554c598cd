/** Benches of bit allocation. Imports {@code core}. */
package dev.quantline.bench.allocate;
