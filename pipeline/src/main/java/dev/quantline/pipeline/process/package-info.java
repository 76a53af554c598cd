/**
 * The child process that a stage's native code runs in: a hostile model, or a bug in a native library, ends the child and not the service.
 * Imports {@code stage}.
 */
package dev.quantline.pipeline.process;
