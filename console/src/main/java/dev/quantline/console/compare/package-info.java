/** What sets two results apart. Imports nothing of the console. */
package dev.quantline.console.compare;
