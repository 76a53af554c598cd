/**
 * The whole system in this one process: embedded broker and store, and the four services as one Quarkus application. Imports the embedded
 * module, Quarkus' start and stop, and the client for addresses.
 */
package dev.quantline.console.stack;
