/** What the machine and a stack's addresses are like, and what to do if that is not enough. Imports only {@code onnx.runtime}. */
package dev.quantline.console.doctor;
