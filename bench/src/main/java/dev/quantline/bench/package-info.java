/** What benches share. Imports {@code core}. */
package dev.quantline.bench;
