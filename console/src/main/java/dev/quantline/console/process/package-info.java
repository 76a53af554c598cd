/** How this process ends, in order or on Ctrl-C. Imports core's runtime alone. */
package dev.quantline.console.process;
