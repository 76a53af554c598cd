/**
 * What people see while a job runs and when it is done: bars on a terminal, lines in a pipe, the result table. Imports events and reports,
 * no client.
 */
package dev.quantline.console.display;
