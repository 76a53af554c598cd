/** The exporter as a service: its stage and its channels. Imports {@code core} and {@code pipeline}. */
package dev.quantline.exporter;
