/** How this process ends, in order or on Ctrl-C. Imports only {@code onnx.runtime}. */
package dev.quantline.console.process;
