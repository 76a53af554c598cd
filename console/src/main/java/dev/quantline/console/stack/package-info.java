/**
 * The whole system in this one process, embedded broker and store and the four services as one Quarkus application, or one part of it; and
 * parts in processes of their own. Imports the embedded module, Quarkus' start and stop, the client for addresses, and what ends the
 * process.
 */
package dev.quantline.console.stack;
