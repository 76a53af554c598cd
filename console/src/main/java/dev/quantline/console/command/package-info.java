/**
 * One class per command of the contract, thin: options in, client and display called, exit code out. The only package that
 * prints to standard output and that knows exit codes.
 */
package dev.quantline.console.command;
