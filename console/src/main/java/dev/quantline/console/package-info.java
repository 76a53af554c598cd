/**
 * The program's entry. Everything else lives below: commands, client, display, stack, demo, comparison, doctor and how the process
 * ends.
 */
package dev.quantline.console;
