/** The program's entry. Everything else lives below: commands, client, display, stack and demo. */
package dev.quantline.console;
